"""Are two samples from one distribution? Permutation tests that share their permutations.

Each test is a statistic of a division of the pooled sample into two, larger for divisions that differ more:

- `discrepancy`: the unbiased squared maximum mean discrepancy (Gretton et al. 2012) with a Gaussian kernel, whose width is
  the median distance of the pooled sample
- `kolmogorov_smirnov`: the largest difference of the two empirical distribution functions
- `chi_square`: Pearson's statistic of a table of counts
- `share`: the share of the second sample that has a property

If both samples come from one distribution, every division is as likely as the one observed, so the share of divisions whose
statistic is at least as large is a p-value for any number of items. All tests see the same divisions, which shows how small the
smallest of their p-values tends to be: the share of divisions where it is at most p is the adjusted p-value (the single-step
minP of Westfall & Young 1993). It keeps the probability of any false alarm at the level asked, and loses less than Holm's
correction because it knows how the tests depend on one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import squared_blocks

Floats = NDArray[np.float64]
Divisions = NDArray[np.int32]
"""(N, P + 1) of 0 and 1: which items of the pooled sample are in the second one; the observed division is the first."""
PERMUTATIONS = 1999
DECIMALS = 12
"""Statistics that agree in these are equal: rounding errors must not decide between them."""


class Tested(NamedTuple):
    """The statistic of the observed division, its p-value, and its p-value adjusted for all tests."""

    statistic: float
    p: float
    adjusted: float


def divisions(first: int, second: int, generator: np.random.Generator, *, count: int = PERMUTATIONS) -> Divisions:
    """Return the division of a pooled sample into its `first` and its `second` items, and `count` random ones."""
    found = np.zeros((first + second, count + 1), np.int32)
    found[first:, 0] = 1
    for column in range(1, count + 1):
        found[generator.permutation(first + second)[:second], column] = 1
    return found


def judged(statistics: Mapping[str, Floats]) -> dict[str, Tested]:
    """Test statistics (P + 1,) of the same divisions together; the observed ones come first."""
    names = list(statistics)
    values = np.round(np.stack(list(statistics.values()), 1), DECIMALS)
    p = np.stack([_at_least(column) for column in values.T], 1) / len(values)
    smallest = np.sort(p.min(1))
    adjusted = np.searchsorted(smallest, p[0], side="right") / len(values)
    return {name: Tested(float(values[0, k]), float(p[0, k]), float(adjusted[k])) for k, name in enumerate(names)}


def discrepancy(pooled: NDArray[Any], divided: Divisions) -> Floats:
    """Return the squared discrepancy (P + 1,) of features (N, D); both samples need two items or more."""
    squared = np.concatenate([part for _, part in squared_blocks(pooled, pooled)])
    width = np.median(squared[np.triu_indices(len(squared), 1)])
    kernel = np.exp(-squared / (width or 1.0))
    np.fill_diagonal(kernel, 0)
    second = divided.astype(np.float64)
    m = int(divided[:, 0].sum())
    n = len(pooled) - m
    inside = np.einsum("np,np->p", kernel @ second, second)  # both items in the second sample
    rows = kernel.sum(1) @ second
    between, outside = rows - inside, kernel.sum() - 2 * rows + inside
    found: Floats = inside / (m * (m - 1)) + outside / (n * (n - 1)) - 2 * between / (m * n)
    return found


def kolmogorov_smirnov(pooled: Floats, divided: Divisions) -> Floats:
    """Return the largest difference (P + 1,) of the distribution functions of values (N,)."""
    order = np.argsort(pooled, kind="stable")
    ordered = pooled[order]
    last = np.flatnonzero(
        np.append(ordered[1:] != ordered[:-1], True)
    )  # of equal values: both functions have made their step
    items, m = len(pooled), int(divided[:, 0].sum())
    second = np.cumsum(divided[order], axis=0, dtype=np.int64)[last]
    both = last[:, None] + 1
    found: Floats = np.abs(second * items - both * m).max(0) / (m * (items - m))  # second / m - (both - second) / n
    return found


def chi_square(cells: NDArray[np.bool_], divided: Divisions) -> Floats:
    """Return Pearson's statistic (P + 1,) of the counts of both samples in cells (N, C)."""
    totals, m = cells.sum(0), int(divided[:, 0].sum())
    used = totals > 0
    expected = totals[used, None] * m / len(cells)
    squares = np.square(cells[:, used].T.astype(np.float64) @ divided - expected) / expected
    found: Floats = squares.sum(0) * len(cells) / (len(cells) - m)
    return found


def share(property_: NDArray[np.bool_], divided: Divisions) -> Floats:
    """Return the share (P + 1,) of the second sample that has a property (N,)."""
    found: Floats = property_.astype(np.float64) @ divided / divided[:, 0].sum()
    return found


def _at_least(values: Floats) -> NDArray[np.int64]:
    """Return for each value (P + 1,) how many are at least as large."""
    found: NDArray[np.int64] = len(values) - np.searchsorted(np.sort(values), values, side="left")
    return found
