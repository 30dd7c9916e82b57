"""Principal component classifier (Shyu et al. 2003): squared coordinates over their variances."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.registry import register

SMALLEST = 1e-6
"""Directions with a smaller share of the largest variance are left out: no training row moves along them."""


@register("detector", "table_pca")
class TablePCA(RowDetector):
    """Scores a row by its squared coordinates along the principal components of the standardized training rows.

    Each is divided by the training rows' variance along it. With all components, that is the squared Mahalanobis distance.
    """

    TAKES = ("table",)
    SIZED = ("whitening",)

    mean: Tensor  # (E,)
    whitening: Tensor  # (k, E), components over standard deviations

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        minor: Annotated[
            float,
            Field(gt=0, le=1, description="share of the components to use, those of the smallest variance; 1 uses all"),
        ] = 1.0,
    ) -> None:
        super().__init__(shape)
        self.minor = minor
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("whitening", torch.zeros(0, self.width))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Find the components."""
        wide = vectors.double()
        mean = wide.mean(0)
        variances, directions = torch.linalg.eigh((wide - mean).T @ (wide - mean) / max(len(wide) - 1, 1))  # ascending
        kept = variances > SMALLEST * variances[-1].clamp_min(1e-12)
        variances, directions = variances[kept], directions[:, kept].T
        count = max(1, round(self.minor * len(variances)))
        self.mean.copy_(mean)
        self.whitening = (directions / variances.sqrt()[:, None])[:count].float().contiguous()

    def compare(self, vectors: Tensor) -> Tensor:
        """Return the sum (B,)."""
        return ((vectors - self.mean) @ self.whitening.T).square().sum(1)
