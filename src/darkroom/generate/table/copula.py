"""Gaussian copula (Nelsen 2006; for synthetic tables: Patki et al. 2016), one per class.

Every column becomes a normal score, Φ⁻¹ of its place among the training rows of the class, and the scores of a row are jointly
normal. Numbers get their place from the empirical distribution, whose quantiles, interpolated, lead back; missing ones lie below
all others. Categories are thresholds on a normal variable, the most frequent first. Equal cells share the middle of their places.

Deviations: the correlation is that of these scores, shrunk as by Ledoit & Wolf (2004), so that a class of few rows or a table of
many columns has one; with ties and categories, it underestimates the latent correlation that maximum likelihood would find.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.generate.model import CHUNK, FittedGenerator
from darkroom.nets.table.modes import Range
from darkroom.nets.table.sized import Sized
from darkroom.registry import register

QUANTILES, CELLS = 1001, 20_000_000
"""Maximum number of quantiles per column, fewer if there would be more than `CELLS` in all."""


@register("generator", "gaussian_copula")
class GaussianCopula(Sized, FittedGenerator):
    """Draws the columns of a row as dependent normal variables with the distribution of each column; fitted in closed form."""

    TAKES = ("table",)
    SIZED = ("factor",)

    factor: Tensor  # (K, R, D), whose square is the covariance of the scores, before shrinkage
    shrinkage: Tensor  # (K,), how much of the covariance is replaced by a multiple of the identity
    variance: Tensor  # (K,), that multiple
    quantiles: Tensor  # (K, Q, M), of the numbers that are known
    missing: Tensor  # (K, M), share of missing numbers
    order: Tensor  # (K, T), codes of each column's categories, the most frequent first; -1 for a missing cell
    limits: Tensor  # (K, T), cumulative shares in that order

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        conditional: Annotated[bool, Field(description="fit one copula per class, if rows have labels")] = True,
    ) -> None:
        super().__init__()
        self.classes = classes if conditional else 0
        groups = max(1, self.classes)
        self.numeric = [column for column, count in enumerate(shape) if count == 0]
        self.categorical = [column for column, count in enumerate(shape) if count > 0]
        self.sizes = [shape[column] + 1 for column in self.categorical]
        numbers, options = len(self.numeric), sum(self.sizes)
        levels = max(2, min(QUANTILES, CELLS // max(1, groups * numbers)))
        self.range = Range(numbers)
        self.register_buffer("factor", torch.zeros(groups, 0, len(shape)))
        self.register_buffer("shrinkage", torch.ones(groups))
        self.register_buffer("variance", torch.ones(groups))
        self.register_buffer("quantiles", torch.zeros(groups, levels, numbers))
        self.register_buffer("missing", torch.zeros(groups, numbers))
        self.register_buffer("order", torch.zeros(groups, options, dtype=torch.int64))
        self.register_buffer("limits", torch.ones(groups, options))

    def fit(self, samples: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Fit to rows (N, D) and their labels (N,); a class without rows is like all rows."""
        self.range.adapt(samples[:, self.numeric])
        groups, factors = len(self.shrinkage), []
        for group in range(groups):
            own = samples[labels == group] if self.classes else samples
            own = own if len(own) else samples
            numbers, codes = own[:, self.numeric], own[:, self.categorical]
            self._fit_numbers(group, numbers)
            ranks = self._fit_categories(group, codes)
            scores = normal_scores(np.concatenate([numbers.astype(np.float64), ranks], 1))
            self.shrinkage[group], self.variance[group] = shrunk(scores), float(np.square(scores).mean())
            factors.append(factored(scores))
        self.factor = torch.zeros(groups, max(len(each) for each in factors), samples.shape[1])
        for group, each in enumerate(factors):
            self.factor[group, : len(each)] = each

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows (N, D) of classes (N,)."""
        return torch.cat([self._sample(some, generator) for some in labels.split(CHUNK)])

    def covariance(self, group: int) -> Tensor:
        """Return the covariance (D, D) of the scores of a class, numbers first."""
        factor, share = self.factor[group].double(), self.shrinkage[group].double()
        return (1 - share) * factor.T @ factor + share * self.variance[group] * torch.eye(factor.shape[1])

    def _fit_numbers(self, group: int, numbers: NDArray[np.float32]) -> None:
        levels = np.linspace(0, 1, self.quantiles.shape[1])
        for column, values in enumerate(numbers.T):
            known = values[~np.isnan(values)].astype(np.float64)
            self.missing[group, column] = 1 - len(known) / len(values)
            if len(known):
                self.quantiles[group, :, column] = torch.from_numpy(np.quantile(known, levels, method="hazen"))

    def _fit_categories(self, group: int, codes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the rank of each category (N, C) in its column, the most frequent first."""
        ranks, start = np.empty(codes.shape), 0
        for column, size in enumerate(self.sizes):
            found = codes[:, column]
            known = ~np.isnan(found) & (found < size - 1)  # a category too rare for a code counts as missing
            filled = np.where(known, found, size - 1).astype(np.int64)
            counts = np.bincount(filled, minlength=size)
            order = np.argsort(-counts, kind="stable")
            here = slice(start, start + size)
            self.order[group, here] = torch.from_numpy(np.where(order == size - 1, -1, order))
            self.limits[group, here] = torch.from_numpy(np.cumsum(counts[order]) / len(found))
            ranks[:, column] = np.argsort(order)[filled]
            start += size
        return ranks

    def _sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        (_, rank, columns), numbers = self.factor.shape, len(self.numeric)
        noise = torch.randn(len(labels), rank + columns, generator=generator)
        rows = noise.new_empty(len(labels), columns)
        for group in labels.unique().tolist() if self.classes else [0]:
            here = (labels == group).nonzero()[:, 0] if self.classes else torch.arange(len(labels))
            share, factor = self.shrinkage[group], self.factor[group]
            scores = (1 - share).sqrt() * noise[here, :rank] @ factor
            scores = scores + (share * self.variance[group]).sqrt() * noise[here, rank:]
            spread = ((1 - share) * factor.square().sum(0) + share * self.variance[group]).sqrt()
            places = torch.special.ndtr((scores / spread.clamp_min(1e-12)).double())
            rows[here[:, None], torch.tensor(self.numeric, dtype=torch.int64)] = self._numbers(
                group, places[:, :numbers]
            )
            for column, codes in zip(self.categorical, self._categories(group, places[:, numbers:]), strict=True):
                rows[here, column] = codes
        return rows

    def _numbers(self, group: int, places: Tensor) -> Tensor:
        """Return the numbers (B, M) at these places (B, M) in the distributions of a class."""
        missing, quantiles = self.missing[group].double(), self.quantiles[group]
        known = ((places - missing) / (1 - missing).clamp_min(1e-12)).clamp(0, 1) * (len(quantiles) - 1)
        below = known.long().clamp_max(len(quantiles) - 2)
        low, high = quantiles.gather(0, below), quantiles.gather(0, below + 1)
        numbers = self.range(low + (known - below) * (high - low))
        return torch.where(places < missing, torch.nan, numbers)

    def _categories(self, group: int, places: Tensor) -> list[Tensor]:
        """Return the codes (B,) of each column of categories at these places (B, C), NaN for missing cells."""
        found, start = [], 0
        for column, size in enumerate(self.sizes):
            limits, order = self.limits[group, start : start + size], self.order[group, start : start + size]
            rank = torch.searchsorted(limits.double(), places[:, column].contiguous(), right=True).clamp_max(size - 1)
            code = order[rank].float()
            found.append(torch.where(code < 0, torch.nan, code))
            start += size
        return found


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Φ⁻¹ of the place of each value (N, D) in its column, NaN lowest; equal values share the middle of theirs."""
    from scipy.special import ndtri

    filled, places = np.where(np.isnan(values), -np.inf, values), np.empty(values.shape)
    for column, cells in enumerate(filled.T):
        ascending = np.sort(cells)
        below, most = (np.searchsorted(ascending, cells, side=side) for side in ("left", "right"))
        places[:, column] = (below + most) / (2 * len(cells))
    scores: NDArray[np.float64] = ndtri(places)
    return scores


def shrunk(scores: NDArray[np.float64]) -> float:
    """Return the shrinkage of Ledoit & Wolf (2004) of the covariance of scores (N, D); 1 for a single row."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    return float(ledoit_wolf_shrinkage(scores, assume_centered=True)) if min(scores.shape) > 1 else 1.0


def factored(scores: NDArray[np.float64]) -> Tensor:
    """Return a factor (R, D) of the covariance of scores (N, D), with at most as many rows as columns."""
    factor = torch.from_numpy(scores / np.sqrt(len(scores)))
    return (torch.linalg.qr(factor, mode="r").R if len(scores) > scores.shape[1] else factor).float()
