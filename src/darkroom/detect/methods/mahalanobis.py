"""Mahalanobis distance (Mahalanobis 1936) in the space of the first principal components, fitted in closed form.

Each coordinate counts by the standard deviation that normal images have in it: an image far out in a direction in which
they hardly differ is anomalous. What the components leave out is not seen.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Detector, Scored
from darkroom.detect.methods.pca import principal
from darkroom.log import Log
from darkroom.registry import register
from darkroom.settings import Count, NonNegative


@register("detector", "mahalanobis")
class Mahalanobis(Detector):
    """Mahalanobis distance from the mean normal image, in principal components."""

    mean: Tensor  # (D,), D = C H W
    whitening: Tensor  # (k, D): components over their standard deviations; rows beyond the images' rank are zero

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        components: Annotated[Count, Field(description="principal components kept; at most the number of pixels")] = 16,
        ridge: Annotated[
            NonNegative, Field(description="share of the components' mean variance that is added to each variance")
        ] = 0.01,
    ) -> None:
        super().__init__()
        size = math.prod(shape)
        self.ridge = ridge
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("whitening", torch.zeros(min(components, size), size))

    def fit(
        self,
        images: NDArray[np.uint8],
        train: NDArray[np.int64],
        val: NDArray[np.int64],
        *,
        labels: NDArray[np.int64] | None = None,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> None:
        """Divide the principal components by the standard deviations along them."""
        found = principal(images[train], len(self.whitening))
        variances = found.variances + self.ridge * found.variances.mean()
        self.mean.copy_(found.mean)
        self.whitening.zero_()[: len(variances)] = found.components / variances.sqrt()[:, None]
        log({"train/explained_variance": found.explained})

    def score(self, images: Tensor) -> Scored:
        """The distance of each image, in standard deviations; no maps."""
        whitened = (images.flatten(1) - self.mean) @ self.whitening.T  # (B, k)
        return Scored(torch.linalg.vector_norm(whitened, dim=1), None)
