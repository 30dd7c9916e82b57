"""Local outlier factor (Breunig et al. 2000): the density around a row's neighbors over the density around the row."""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.detect.options import Neighbors, Scaling
from darkroom.nets.table.neighbors import closest
from darkroom.registry import register

SMALLEST = 1e-10
"""Added to mean reachability distances, as in scikit-learn, so that duplicates have a finite density."""


@register("detector", "lof")
class LOF(RowDetector):
    """Scores new rows by their local outlier factor among the training rows, which it keeps; about 1 for normal rows."""

    TAKES = ("table",)
    SIZED = ("bank", "radius", "density")

    bank: Tensor  # (N, E)
    radius: Tensor  # (N,), distance to the k-th nearest other training row
    density: Tensor  # (N,)

    def __init__(self, shape: tuple[int, ...], *, k: Neighbors = 20, scaling: Scaling = "standard") -> None:
        super().__init__(shape, scaling=scaling)
        self.k = k
        self.register_buffer("bank", torch.zeros(0, self.width))
        self.register_buffer("radius", torch.zeros(0))
        self.register_buffer("density", torch.zeros(0))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Keep the training vectors and their densities."""
        distances, neighbors = closest(vectors, vectors, self.k, own=True)
        self.bank, self.radius = vectors, distances[:, -1].contiguous()
        self.density = self._density(distances, neighbors)

    def compare(self, vectors: Tensor) -> Tensor:
        """Return the factor (B,)."""
        distances, neighbors = closest(vectors, self.bank, self.k)
        return self.density[neighbors].mean(1) / self._density(distances, neighbors)

    def _density(self, distances: Tensor, neighbors: Tensor) -> Tensor:
        """Return the local reachability density (B,): one over the mean of max(distance, radius of the neighbor)."""
        return 1 / (torch.maximum(distances, self.radius[neighbors]).mean(1) + SMALLEST)
