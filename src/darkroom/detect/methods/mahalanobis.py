"""Mahalanobis distance (Mahalanobis 1936) in the subspace of the first principal components, fitted in closed form.

Each coordinate is divided by the standard deviation of the normal images along it, so an image that lies far out in a
direction of little normal variation is anomalous. Deviations outside the subspace do not count.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Detector, FitInputs, Scored
from darkroom.detect.methods.pca import principal
from darkroom.detect.options import ComponentsOption
from darkroom.registry import register
from darkroom.settings import NonNegative


@register("detector", "mahalanobis")
class Mahalanobis(Detector):
    """Mahalanobis distance to the mean normal image, in principal components."""

    mean: Tensor  # (D,), D = C H W
    whitening: Tensor  # (k, D): components over their standard deviations; rows beyond the images' rank are zero

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        components: ComponentsOption = 16,
        ridge: Annotated[
            NonNegative, Field(description="added to each variance, as a share of the components' mean variance")
        ] = 0.01,
    ) -> None:
        super().__init__()
        size = math.prod(shape)
        self.ridge = ridge
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("whitening", torch.zeros(min(components, size), size))

    def fit(self, inputs: FitInputs) -> None:
        """Divide the principal components by the standard deviations along them."""
        found = principal(inputs.images[inputs.train], len(self.whitening))
        variances = found.variances + self.ridge * found.variances.mean()
        self.mean.copy_(found.mean)
        self.whitening.zero_()[: len(variances)] = found.components / variances.sqrt()[:, None]
        inputs.log({"train/explained_variance": found.explained})

    def score(self, images: Tensor) -> Scored:
        """Return the distance of each image in standard deviations; no maps."""
        whitened = (images.flatten(1) - self.mean) @ self.whitening.T  # (B, k)
        return Scored(torch.linalg.vector_norm(whitened, dim=1), None)
