"""The first layers of networks on tables: cells (B, D) as a store holds them, see `data.tabular.columns`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Cells(NamedTuple):
    """Rows of a table, taken apart."""

    numbers: Tensor  # (B, M), standardized, 0 where missing
    missing: Tensor  # (B, M), 1 where a number is missing
    categories: Tensor  # (B, C), rows of one embedding table for all columns; 0 for a category unseen in training


class TableInput(nn.Module):
    """Standardize numbers, impute the mean with a missing indicator, and index categories: (B, D) to `Cells`.

    `shape` holds the number of categories of each column, 0 for a number. Missing cells of a column of categories are a
    category of their own. The statistics are those of the training rows, so that a model file carries its preprocessing.
    """

    mean: Tensor  # (M,)
    std: Tensor  # (M,)
    offsets: Tensor  # (C,), index of each column's first category
    sizes: Tensor  # (C,)

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.numeric = [column for column, count in enumerate(shape) if count == 0]
        self.categorical = [column for column, count in enumerate(shape) if count > 0]
        sizes = torch.tensor([shape[column] for column in self.categorical], dtype=torch.int64)
        self.register_buffer("mean", torch.zeros(len(self.numeric)))
        self.register_buffer("std", torch.ones(len(self.numeric)))
        self.register_buffer("sizes", sizes, persistent=False)
        self.register_buffer("offsets", 1 + (sizes + 1).cumsum(0) - (sizes + 1), persistent=False)
        self.entries = 1 + int((sizes + 1).sum())
        """Rows of an embedding table for all columns: one for unseen categories, then each column's and its missing cells'."""

    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Set the statistics to those of the training rows (N, D); a constant column stays 0."""
        numbers = torch.from_numpy(rows)[:, self.numeric].double()
        known = ~numbers.isnan()
        count = known.sum(0).clamp_min(1)
        mean = numbers.nan_to_num(0.0).sum(0) / count
        spread = ((numbers - mean).square().nan_to_num(0.0).sum(0) / count).sqrt()
        self.mean.copy_(mean)
        self.std.copy_(torch.where(spread > 1e-6 * mean.abs().clamp_min(1e-6), spread, 1.0))

    def forward(self, rows: Tensor) -> Cells:  # (B, D)
        numbers = rows[:, self.numeric]
        missing = numbers.isnan()
        standard = torch.where(missing, 0.0, (numbers - self.mean) / self.std)
        codes = rows[:, self.categorical]
        empty = codes.isnan()
        places = torch.where(empty, self.sizes, codes.nan_to_num(0.0).long())
        unseen = ~empty & (places >= self.sizes)
        return Cells(standard, missing.to(rows.dtype), torch.where(unseen, 0, places + self.offsets))


class Encoded(nn.Module):
    """Rows as one vector (B, `width`): numbers, missing indicators, and one-hot or embedded categories.

    With `embedding` 0, categories are one-hot; an unseen one is all zeros, embedded or not.
    """

    def __init__(self, shape: tuple[int, ...], embedding: int = 0) -> None:
        super().__init__()
        self.cells = TableInput(shape)
        numbers, categories = len(self.cells.numeric), len(self.cells.categorical)
        self.embedding = (
            nn.Embedding(self.cells.entries, embedding, padding_idx=0) if embedding and categories else None
        )
        each = categories * embedding if self.embedding is not None else self.cells.entries - 1
        self.width = 2 * numbers + each

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> (B, width)
        cells = self.cells(rows)
        if self.embedding is not None:
            encoded = self.embedding(cells.categories).flatten(1)
        else:
            encoded = cells.numbers.new_zeros(len(rows), self.cells.entries)
            encoded = encoded.scatter(1, cells.categories, 1.0)[:, 1:]
        return torch.cat([cells.numbers, cells.missing, encoded.to(cells.numbers.dtype)], 1)
