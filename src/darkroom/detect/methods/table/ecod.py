"""Empirical tails (ECOD, Li et al. 2022, arXiv 2201.00382; COPOD, Li et al. 2020, arXiv 2009.09463).

Both estimate for each column how improbable a value at least as small, or as large, is among the training rows, take minus
the logarithm of these tail probabilities, and choose the tail by the sign of the column's skewness as a third view. Combined as
in the authors' implementation, PyOD 0.9.9 to 3.6.5, column by column: ECOD sums the largest of the three (before 0.9.9, the
right tail was left out), COPOD the larger of the skewed tail and the mean of both. The papers' algorithm 1 instead sums each
view over columns and takes the largest of the three sums.
A value is compared with the training rows and itself alone, so that the score of a row does not depend on the batch; PyOD's
joins the rows to score.
"""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.registry import register


class Tails(RowDetector):
    """Tail probabilities of each column."""

    SIZED = ("values",)

    values: Tensor  # (E, N), each column of the training rows in ascending order
    skewness: Tensor  # (E,), its sign

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.register_buffer("values", torch.zeros(self.width, 0))
        self.register_buffer("skewness", torch.zeros(self.width))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Sort the columns."""
        self.values = vectors.T.sort(1).values.contiguous()
        centered = vectors.double() - vectors.double().mean(0)
        self.skewness.copy_(centered.pow(3).mean(0).sign())

    def tails(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return minus the logarithms (B, E) of the left tail, the right tail, and the one that the skewness chooses."""
        columns, count = vectors.T.contiguous(), self.values.shape[1]
        below = torch.searchsorted(self.values, columns, right=True)
        above = count - torch.searchsorted(self.values, columns)
        left, right = (-((rank + 1) / (count + 1)).double().log().T for rank in (below, above))
        both = torch.where(self.skewness == 0, left + right, right)
        return left, right, torch.where(self.skewness < 0, left, both)


@register("detector", "ecod")
class ECOD(Tails):
    """Sums the largest of the three tail values over columns; has no options."""

    TAKES = ("table",)

    def compare(self, vectors: Tensor) -> Tensor:
        """Return the sum (B,) of the largest of the three tails."""
        left, right, skewed = self.tails(vectors)
        return torch.maximum(torch.maximum(left, right), skewed).sum(1)


@register("detector", "copod")
class COPOD(Tails):
    """Sums the larger of the skewed tail and the mean of both over columns; has no options."""

    TAKES = ("table",)

    def compare(self, vectors: Tensor) -> Tensor:
        """Return that sum (B,)."""
        left, right, skewed = self.tails(vectors)
        return torch.maximum(skewed, (left + right) / 2).sum(1)
