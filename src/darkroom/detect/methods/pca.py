"""Reconstruction from principal components: the linear baseline, fitted in closed form.

What normal images vary in is kept, the rest is error. A linear autoencoder with squared error has its optimum in the
same subspace (Baldi & Hornik 1989).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import ReconstructionDetector
from darkroom.log import Log
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, SmoothingOption

BLOCK = 4096
"""Rows or columns turned to float64 at a time."""


@register("detector", "pca")
class PCA(ReconstructionDetector):
    """Principal components of the normal images."""

    mean: Tensor  # (D,), D = C H W
    components: Tensor  # (k, D), orthonormal; rows beyond the images' rank are zero

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        components: Annotated[Count, Field(description="principal components kept; at most the number of pixels")] = 16,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        size = math.prod(shape)
        self.shape = shape
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("components", torch.zeros(min(components, size), size))

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
        """Keep the first principal components."""
        found = principal(images[train], len(self.components))
        self.mean.copy_(found.mean)
        self.components.zero_()[: len(found.components)] = found.components
        log({"train/explained_variance": found.explained})

    def encode(self, images: Tensor) -> Tensor:
        """Coordinates (B, k) of images (B, C, H, W)."""
        return (images.flatten(1) - self.mean) @ self.components.T

    def reconstruct(self, images: Tensor) -> Tensor:
        """The nearest image (B, C, H, W) in the span of the components."""
        nearest: Tensor = (self.encode(images) @ self.components + self.mean).unflatten(1, self.shape)
        return nearest


class Principal(NamedTuple):
    """Principal components, largest variance first, in float64."""

    mean: Tensor  # (D,)
    components: Tensor  # (k, D), orthonormal; the largest entry of each is positive, whatever the solver's sign
    variances: Tensor  # (k,), of the coordinates: unbiased, as by numpy.cov
    explained: float
    """Their share of the variance."""


def principal(images: NDArray[np.uint8], count: int) -> Principal:
    """Up to `count` components of images (N, H, W, C), values taken in [0, 1] and pixels as (C, H, W); no more than their rank.

    Eigenvectors of the covariance matrix or, with fewer images than pixels, of the matrix of inner products.
    """
    flat = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).flatten(1)  # (N, D) uint8
    items, size = flat.shape
    mean = torch.cat([_float(part).mean(0) for part in flat.split(BLOCK, dim=1)])
    if items < size:
        parts = list(zip(flat.split(BLOCK, dim=1), mean.split(BLOCK), strict=True))
        products = sum((_float(p) - m) @ (_float(p) - m).T for p, m in parts)
    else:
        products = sum((_float(p) - mean).T @ (_float(p) - mean) for p in flat.split(BLOCK))
    squares, vectors = torch.linalg.eigh(products)  # ascending
    rank = int((squares > squares[-1].clamp_min(1e-12) * 1e-10).sum())
    chosen = vectors.flip(1)[:, : min(count, rank)]  # (N or D, k)
    if items < size:
        chosen = torch.cat([(_float(p) - m).T @ chosen for p, m in parts])  # (D, k)
        chosen = chosen / torch.linalg.vector_norm(chosen, dim=0)
    largest = chosen.gather(0, chosen.abs().argmax(0, keepdim=True))
    kept, total = squares.flip(0)[: chosen.shape[1]], squares.sum()
    explained = float(kept.sum() / total) if total > 0 else 1.0
    return Principal(mean, (chosen * largest.sign()).T, kept / max(items - 1, 1), explained)


def _float(pixels: Tensor) -> Tensor:
    return pixels.double() / 255
