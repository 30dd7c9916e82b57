"""The cells of a row as a model with a likelihood sees them: a choice for every column, and an offset for every number.

A column of numbers chooses one of its modes or to be missing; a column of categories chooses one of them, a category unseen in
training, or to be missing. `nets.table.modes` says what an offset is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.nets.table.modes import Modes

NARROW, WIDE = math.log(0.01), 0.0
"""Limits of the logarithm of an offset's standard deviation, as in the authors' code of the TVAE."""


class Choices(NamedTuple):
    """Rows as choices and offsets."""

    modes: Tensor  # (B, M)
    categories: Tensor  # (B, C)
    offsets: Tensor  # (B, M), 0 where missing


class CellLikelihood(nn.Module):
    """Rows (B, D) as vectors (B, `width`), and their distribution given parameters (B, `width`) of the same layout.

    A vector holds the M offsets, then one-hot choices; parameters hold the offsets' means, then logits. Offsets are normal
    around their means, with one learned scale per column; choices are independent. With `limit`, offsets are cut there, and
    their means are within it.
    """

    gaps: Tensor  # (D,), whether a column has missing cells

    def __init__(self, shape: tuple[int, ...], *, modes: int, limit: float | None) -> None:
        super().__init__()
        self.register_buffer("gaps", torch.zeros(len(shape), dtype=torch.bool))
        self.numeric = [column for column, count in enumerate(shape) if count == 0]
        self.categorical = [column for column, count in enumerate(shape) if count > 0]
        self.columns, self.limit = len(shape), limit
        self.modes = Modes(len(self.numeric), modes)
        self.sizes = [shape[column] + 2 for column in self.categorical]
        """Choices of each column of categories: its categories, an unseen one, and none."""
        self.log_scale = nn.Parameter(torch.full((len(self.numeric),), math.log(0.1)))
        self.width = len(self.numeric) * (modes + 2) + sum(self.sizes)

    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Fit the modes to the training rows (N, D)."""
        self.gaps.copy_(torch.from_numpy(np.isnan(rows).any(0)))
        self.modes.adapt(rows[:, self.numeric])

    def choices(self, rows: Tensor) -> Choices:
        """Return what rows (B, D) consist of."""
        modes, offsets = self.modes(rows[:, self.numeric])
        codes = rows[:, self.categorical]
        missing = codes.new_tensor(self.sizes) - 1
        categories = torch.where(codes.isnan(), missing, codes).long()
        return Choices(modes, categories, offsets if self.limit is None else offsets.clamp(-self.limit, self.limit))

    def vectors(self, found: Choices) -> Tensor:
        """Return the vectors (B, width) of rows."""
        parts = [found.offsets, F.one_hot(found.modes, self.modes.modes + 1).flatten(1)]
        parts += [F.one_hot(codes, size) for codes, size in zip(found.categories.T, self.sizes, strict=True)]
        return torch.cat([part.to(found.offsets.dtype) for part in parts], 1)

    def log_prob(self, parameters: Tensor, found: Choices) -> Tensor:
        """Return the log-density (B,) of rows in nats, with offsets as the unit of numbers."""
        means, of_modes, of_categories = self._split(parameters.float())
        log_scale = self.log_scale.clamp(NARROW, WIDE)
        normal = -((found.offsets - means) / log_scale.exp()).square() / 2 - log_scale - math.log(2 * math.pi) / 2
        total = normal.masked_fill(found.modes == self.modes.modes, 0.0).sum(1)
        total = total + of_modes.log_softmax(2).gather(2, found.modes[:, :, None]).sum((1, 2))
        for logits, codes in zip(of_categories, found.categories.T, strict=True):
            total = total - F.cross_entropy(logits, codes, reduction="none")
        return total

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows (B, D) from the distribution that parameters (B, width) describe.

        What no training row has is never drawn: an unseen category, a dropped mode, a missing cell in a column without.
        """
        means, of_modes, of_categories = self._split(parameters.float().cpu())
        noise = torch.randn(means.shape, generator=generator)
        offsets = means + noise * self.log_scale.cpu().clamp(NARROW, WIDE).exp()
        if self.limit is not None:
            offsets = offsets.clamp(-self.limit, self.limit)
        full = ~self.gaps.cpu()
        absent = torch.cat([self.modes.weight.cpu() == 0, full[self.numeric][:, None]], 1)
        modes = _drawn(of_modes.masked_fill(absent, -torch.inf), generator)
        rows = means.new_empty(len(means), self.columns)
        rows[:, self.numeric] = self.modes.decode(modes, offsets)
        for column, logits, size in zip(self.categorical, of_categories, self.sizes, strict=True):
            absent = torch.zeros(size, dtype=torch.bool)
            absent[size - 2], absent[size - 1] = True, full[column]
            codes = _drawn(logits.masked_fill(absent, -torch.inf), generator)
            rows[:, column] = torch.where(codes == size - 1, torch.nan, codes.float())
        return rows

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return offsets' means (B, M), logits of modes (B, M, K + 1), and logits of each column of categories."""
        numbers, options = len(self.numeric), self.modes.modes + 1
        means, modes, *rest = parameters.split([numbers, numbers * options, *self.sizes], 1)
        means = means if self.limit is None else means.tanh()
        return means, modes.unflatten(1, (numbers, options)), tuple(rest)


def _drawn(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a choice (...) by each of the logits (..., K)."""
    uniform = torch.rand(logits.shape, generator=generator)
    return (logits - (-uniform.log()).log()).argmax(-1)
