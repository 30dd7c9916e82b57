"""Distance to the k-th nearest training row (Ramaswamy et al. 2000)."""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.detect.options import Neighbors, Scaling
from darkroom.nets.table.neighbors import closest
from darkroom.registry import register


@register("detector", "knn")
class KNN(RowDetector):
    """Scores a row by the distance to its k-th nearest training row, and keeps all of them."""

    TAKES = ("table",)
    SIZED = ("bank",)

    bank: Tensor  # (N, E)

    def __init__(self, shape: tuple[int, ...], *, k: Neighbors = 5, scaling: Scaling = "standard") -> None:
        super().__init__(shape, scaling=scaling)
        self.k = k
        self.register_buffer("bank", torch.zeros(0, self.width))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Keep the training vectors."""
        self.bank = vectors

    def compare(self, vectors: Tensor) -> Tensor:
        """Return that distance (B,)."""
        return closest(vectors, self.bank, self.k)[0][:, -1]
