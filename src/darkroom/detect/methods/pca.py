"""Reconstruction from principal components: the linear baseline, fitted in closed form.

The components keep the directions in which normal images vary; everything else is error. A linear autoencoder with squared
error has its optimum in the same subspace (Baldi & Hornik 1989).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.detect.detector import FitInputs, ReconstructionDetector
from darkroom.detect.options import ComponentsOption, ErrorOption, SmoothingOption
from darkroom.registry import register

BLOCK = 4096
"""Rows or columns converted to float64 at a time."""


@register("detector", "pca")
class PCA(ReconstructionDetector):
    """Reconstruction from the principal components of the normal images."""

    mean: Tensor  # (D,), D = C H W
    components: Tensor  # (k, D), orthonormal; rows beyond the images' rank are zero

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        components: ComponentsOption = 16,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        size = math.prod(shape)
        self.shape = shape
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("components", torch.zeros(min(components, size), size))

    def fit(self, inputs: FitInputs) -> None:
        """Keep the first principal components."""
        found = principal(inputs.images[inputs.train], len(self.components))
        self.mean.copy_(found.mean)
        self.components.zero_()[: len(found.components)] = found.components
        inputs.log({"train/explained_variance": found.explained})

    def encode(self, images: Tensor) -> Tensor:
        """Return the coordinates (B, k) of images (B, C, H, W)."""
        return (images.flatten(1) - self.mean) @ self.components.T

    def reconstruct(self, images: Tensor) -> Tensor:
        """Project images (B, C, H, W) onto the span of the components."""
        nearest: Tensor = (self.encode(images) @ self.components + self.mean).unflatten(1, self.shape)
        return nearest


class Principal(NamedTuple):
    """Principal components in float64, largest variance first."""

    mean: Tensor  # (D,)
    components: Tensor  # (k, D), orthonormal; the largest entry of each is positive, whatever sign the solver returns
    variances: Tensor  # (k,), of the coordinates; unbiased, as in numpy.cov
    explained: float
    """Share of the total variance."""


def principal(images: NDArray[np.uint8], count: int) -> Principal:
    """Return up to `count` components of images (N, H, W, C), scaled to [0, 1] with pixels ordered as (C, H, W).

    Never more than the images' rank. They are eigenvectors of the covariance matrix or, with fewer images than pixels, come
    from those of the Gram matrix.
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
