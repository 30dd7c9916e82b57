"""What the estimators of tables have in common; see `nets.estimator`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.nets.table.inputs import TableInput

ABSENT = 1e-6
"""Probability of a class that the training rows lack, and the smallest one of any."""


class Plain(nn.Module):
    """Rows for trees: numbers as they are, NaN where missing, and one-hot categories: (B, D) to (B, E)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.cells = TableInput(shape)

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> (B, E)
        codes = self.cells(rows).categories
        shown = rows.new_zeros(len(rows), self.cells.entries).scatter(1, codes, 1.0)
        return torch.cat([rows[:, self.cells.numeric], shown[:, 1:]], 1)


def spread(values: Tensor, present: NDArray[np.int64], classes: int, absent: float) -> Tensor:
    """Return values (..., P) of the classes that occur as those of all classes (..., K), `absent` elsewhere."""
    found = values.new_full((*values.shape[:-1], classes), absent)
    found[..., torch.from_numpy(present)] = values
    return found
