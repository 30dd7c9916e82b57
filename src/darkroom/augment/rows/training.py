"""The training rows of a table as offline transforms of rows see them, and copies of rows back in a store's terms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """All labeled training rows: numbers of mean 0 and standard deviation 1, the mean where missing, and category codes.

    A missing category has a code of its own, the number of categories plus one.
    """

    rows: Floats  # (N, D)
    labels: Labels  # (N,)
    sizes: tuple[int, ...]
    """Categories of each column, 0 for numbers: the store's shape."""
    mean: Floats  # (D,), 0 for categories
    std: Floats  # (D,), 1 for categories

    @property
    def categorical(self) -> list[int]:
        """The columns that hold categories."""
        return [column for column, size in enumerate(self.sizes) if size]

    @property
    def numeric(self) -> list[int]:
        """The columns that hold numbers."""
        return [column for column, size in enumerate(self.sizes) if not size]

    def standard(self, rows: NDArray[np.float32]) -> Floats:
        """Return rows (M, D) as a store holds them as rows of this kind."""
        wide = rows.astype(np.float64)
        for column in self.categorical:
            wide[:, column] = np.where(np.isnan(wide[:, column]), self.sizes[column] + 1, wide[:, column])
        standard = (wide - self.mean) / self.std
        return np.where(np.isnan(standard), 0.0, standard)

    def stored(self, rows: Floats) -> NDArray[np.float32]:
        """Return rows (M, D) of this kind as a store holds them."""
        found = rows * self.std + self.mean
        for column in self.categorical:
            found[:, column] = np.where(rows[:, column] > self.sizes[column], np.nan, rows[:, column])
        return found.astype(np.float32)


def training(rows: NDArray[np.float32], labels: Labels, sizes: tuple[int, ...]) -> Training:
    """Return the training rows (N, D) of a store of this shape with their labels (N,), standardized by their own moments."""
    wide = rows.astype(np.float64)
    known = ~np.isnan(wide)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, wide, 0).sum(0) / count
    std = np.sqrt(np.where(known, (wide - mean) ** 2, 0).sum(0) / count)
    std[std <= 1e-6 * np.maximum(np.abs(mean), 1e-6)] = 1.0
    categorical = np.array(sizes) > 0
    mean[categorical], std[categorical] = 0.0, 1.0
    empty = Training(np.empty((0, len(sizes))), labels, sizes, mean, std)
    return replace(empty, rows=empty.standard(rows))
