"""Frozen features to fit a head to; they stay on disk and are read in blocks, so memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import release

BLOCK = 1024
"""Examples in memory at a time."""
MANY = 5000
"""Up to this many examples are cross-validated; of more, one part is held out."""


@dataclass(frozen=True)
class Examples:
    """Features (N, D) with their labels, weights and folds (N,); views of one image, and images of one group, share a fold.

    With several labels per image, or numbers, `labels` are floats (N, K); `classes` is K.
    """

    features: NDArray[np.float32]
    labels: Tensor
    weights: Tensor
    folds: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def width(self) -> int:
        """Features per example."""
        return int(self.features.shape[1])

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield the features in order, block by block."""
        for start in range(0, len(self), BLOCK):
            rows = slice(start, min(start + BLOCK, len(self)))
            yield rows, torch.from_numpy(np.array(self.features[rows], np.float32))
            release(self.features)

    def held_out(self) -> list[int]:
        """Return the folds to validate on."""
        known: list[int] = self.folds.unique().tolist()
        return known if len(self) <= MANY else known[:1]

    def fitting(self, folds: list[int]) -> Tensor:
        """Return the weights (F, N) for fits without each of these folds."""
        return torch.stack([self.weights * (self.folds != fold) for fold in folds])

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation (D,) of the features; 1 for a constant feature."""
        total = torch.zeros(2, self.width, dtype=torch.float64)
        for _, block in self.blocks():
            wide = block.double()
            total += torch.stack([wide.sum(0), wide.square().sum(0)])
        mean, square = total / len(self)
        std = (square - mean.square()).clamp(min=0).sqrt()
        return mean, torch.where(std > 1e-6 * (1 + mean.abs()), std, 1.0)

    def standardized(self) -> Standardized:
        """Return the examples with features of mean 0 and standard deviation 1."""
        mean, std = self.moments()
        return Standardized(self, mean, std)


@dataclass(frozen=True)
class Standardized:
    """Examples seen through a standardization, which `unfold` moves into the weights of a linear head."""

    examples: Examples
    mean: Tensor
    std: Tensor

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield the standardized features in order, block by block."""
        mean, scale = self.mean.float(), self.std.reciprocal().float()
        for rows, block in self.examples.blocks():
            yield rows, block.sub_(mean).mul_(scale)

    def unfold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Turn weights (K, D) and biases (K,) for standardized features into those for the features themselves."""
        plain = weight.double() / self.std
        return plain, bias.double() - plain @ self.mean
