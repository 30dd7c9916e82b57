"""Numbers of a table by the modes of their column (Xu et al. 2019, arXiv 1907.00503, mode-specific normalization).

Each column of numbers gets a mixture of Gaussians. A number becomes the mode it most likely comes from, and its distance from
that mode's mean in units of four of its standard deviations. Deviations: the mixture is fitted by plain expectation
maximization, for all columns at once, instead of variationally, and the mode is the likeliest one instead of a draw, so that
encoding needs no random numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STEPS = 50
"""Steps of expectation maximization."""
ROWS = 5000
"""Maximum number of rows that the mixtures are fitted to, evenly spaced."""
CELLS = 1_000_000
"""Numbers in memory at a time while fitting."""
NARROWEST = 0.01
"""Minimum standard deviation of a mode, in units of the column's."""
RAREST = 0.005
"""Modes of a smaller share are dropped, as by the authors."""
DEVIATIONS = 4.0
DIGITS = 6
"""Numbers with more decimals are not rounded."""


class Mixtures(NamedTuple):
    """The mixture of each column; weights sum to 1, those of dropped modes are 0."""

    weight: Tensor  # (M, K)
    mean: Tensor  # (M, K)
    std: Tensor  # (M, K)


class Modes(nn.Module):
    """Encodes numbers (B, M), NaN where missing, as modes and offsets within them, and back."""

    weight: Tensor  # (M, K)
    mean: Tensor  # (M, K)
    std: Tensor  # (M, K)

    def __init__(self, columns: int, modes: int) -> None:
        super().__init__()
        self.modes = modes
        self.register_buffer("weight", torch.full((columns, modes), 1 / modes))
        self.register_buffer("mean", torch.zeros(columns, modes))
        self.register_buffer("std", torch.ones(columns, modes))
        self.range = Range(columns)

    def adapt(self, numbers: NDArray[np.float32]) -> None:
        """Fit the mixtures to numbers (N, M)."""
        self.range.adapt(numbers)
        few = numbers[np.linspace(0, len(numbers) - 1, min(ROWS, len(numbers))).astype(np.int64)]
        size = max(1, CELLS // (len(few) * self.modes))
        for start in range(0, numbers.shape[1], size):
            here = slice(start, start + size)
            found = mixtures(torch.from_numpy(few[:, here]).double(), self.modes)
            self.weight[here], self.mean[here], self.std[here] = found

    def forward(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mode (B, M) of each number, K for a missing one, and its offset (B, M), 0 for a missing one."""
        logs = self.weight.log() - self.std.log() - ((numbers[:, :, None] - self.mean) / self.std).square() / 2
        mode = logs.nan_to_num(0.0).argmax(2)
        mean, std = self._chosen(mode)
        offset = (numbers - mean) / (DEVIATIONS * std)
        return torch.where(numbers.isnan(), self.modes, mode), offset.nan_to_num(0.0)

    def decode(self, mode: Tensor, offset: Tensor) -> Tensor:
        """Return the numbers (B, M) of modes and offsets, within the range and of the precision of the training rows."""
        mean, std = self._chosen(mode.clamp_max(self.modes - 1))
        numbers: Tensor = self.range(mean + DEVIATIONS * std * offset)
        return torch.where(mode == self.modes, torch.nan, numbers)

    def _chosen(self, mode: Tensor) -> tuple[Tensor, Tensor]:
        column = torch.arange(len(self.mean), device=mode.device)
        return self.mean[column, mode], self.std[column, mode]


class Range(nn.Module):
    """Numbers (B, M) within the range of each column of the training rows, and with as few decimals."""

    low: Tensor  # (M,)
    high: Tensor  # (M,)
    digits: Tensor  # (M,), `DIGITS` + 1 for numbers with more

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(columns))
        self.register_buffer("high", torch.zeros(columns))
        self.register_buffer("digits", torch.zeros(columns, dtype=torch.int64))

    def adapt(self, numbers: NDArray[np.float32]) -> None:
        """Read range and precision off numbers (N, M), NaN where missing."""
        for column, values in enumerate(numbers.T):
            known = np.unique(values[~np.isnan(values)])
            if len(known):
                self.low[column], self.high[column] = float(known[0]), float(known[-1])
                exact = (digits for digits in range(DIGITS + 1) if (_rounded(known, digits) == known).all())
                self.digits[column] = next(exact, DIGITS + 1)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the nearest such numbers, float32."""
        scale = (10.0 ** self.digits.double())[None]
        wide = numbers.double()
        rounded = torch.where(self.digits > DIGITS, wide, (wide * scale).round() / scale)
        return rounded.float().clamp(self.low, self.high)


def _rounded(values: NDArray[np.float32], digits: int) -> NDArray[np.float32]:
    scale = 10.0**digits
    return (np.rint(values.astype(np.float64) * scale) / scale).astype(np.float32)


def mixtures(numbers: Tensor, modes: int) -> Mixtures:
    """Fit a mixture of Gaussians to each column of numbers (N, M), NaN where missing, starting from its quantiles."""
    known = ~numbers.isnan()
    count = known.sum(0).clamp_min(1)[:, None]  # (M, 1)
    given = numbers.nan_to_num(0.0)
    center = given.sum(0)[:, None] / count
    spread = ((given - center[:, 0]).square().where(known, 0.0).sum(0)[:, None] / count).sqrt()
    spread = torch.where(spread > 1e-6 * center.abs().clamp_min(1e-6), spread, 1.0)
    places = (torch.arange(modes, dtype=numbers.dtype) + 0.5) / modes
    mean = numbers.nanquantile(places, 0).T.nan_to_num(0.0)  # (M, K)
    mean, std = (center, spread) if modes == 1 else (mean, (spread / modes).expand_as(mean))
    weight = torch.full_like(mean, 1 / modes)
    for _ in range(STEPS if modes > 1 else 0):
        logs = weight.log() - std.log() - ((given[:, :, None] - mean) / std).square() / 2  # (N, M, K)
        share = logs.softmax(2).where(known[:, :, None], 0.0)
        total = share.sum(0).clamp_min(math.ulp(1.0))  # (M, K)
        weight = total / total.sum(1, keepdim=True)
        mean = (share * given[:, :, None]).sum(0) / total
        variance = (share * (given[:, :, None] - mean).square()).sum(0) / total
        std = variance.sqrt().clamp_min(NARROWEST * spread)
    weight = torch.where(weight < min(RAREST, 1 / modes), 0.0, weight)
    return Mixtures(weight / weight.sum(1, keepdim=True), mean, std)
