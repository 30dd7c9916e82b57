"""Bootstrap intervals (Efron 1979): how much a number would move if the test items had been drawn again.

A statistic takes weights (R, N), one row a resample and one column an item, and gives values (R,): a resample is how
often it holds each item. So one pass of array arithmetic serves many resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = dict[str, Any]
"""`{"value", "low", "high"}`, or `{"value": None, "reason"}` for a number that cannot be had."""

LEVEL = 0.95
ONE_KIND = "needs items of more than one kind"
CELLS = 500_000
"""Weights held at a time, 4 MB; a statistic may hold some ten times that."""


def intervals(
    statistic: Callable[[Floats], Mapping[str, Floats]],
    items: int,
    *,
    resamples: int,
    generator: np.random.Generator,
    reason: str = ONE_KIND,
) -> dict[str, Interval]:
    """The value of each named number on the items as they are, and its 95 % percentile interval.

    A number that is NaN on the items as they are gets `reason` in place of its value. Resamples in which it is NaN (one
    that holds no anomaly, say) are left out of its interval. Raises ValueError when there are no items.
    """
    if items < 1:
        raise ValueError("there are no items to measure")
    draws = {name: [values] for name, values in statistic(np.ones((1, items))).items()}
    size = max(1, CELLS // items)
    for start in range(0, resamples, size):
        found = statistic(resample(items, min(size, resamples - start), generator))
        for name, values in found.items():
            draws[name].append(values)
    return percentile_intervals({name: np.concatenate(values) for name, values in draws.items()}, reason=reason)


def percentile_intervals(draws: Mapping[str, Floats], *, reason: str = ONE_KIND) -> dict[str, Interval]:
    """Of each named row of numbers (1 + R,) the first, which is of the items as they are, with the interval of the others.

    NaN as in `intervals`.
    """
    return {name: _interval(float(values[0]), values[1:], reason) for name, values in draws.items()}


def mean_intervals(
    values: Mapping[str, NDArray[Any]], *, resamples: int, generator: np.random.Generator
) -> dict[str, Interval]:
    """The mean over items of each named row of numbers (N,), with its interval; all from the same resamples."""
    table = np.stack([np.asarray(row, np.float64) for row in values.values()], axis=1)  # (N, K)

    def means(weights: Floats) -> dict[str, Floats]:
        found = weights @ table / weights.sum(1, keepdims=True)
        return {name: found[:, k] for k, name in enumerate(values)}

    return intervals(means, len(table), resamples=resamples, generator=generator)


def resample(items: int, resamples: int, generator: np.random.Generator) -> Floats:
    """How often each of `resamples` draws with replacement takes each item: (resamples, items), each row sums to items."""
    taken = generator.integers(0, items, size=(resamples, items))
    taken += np.arange(resamples)[:, None] * items
    counts = np.bincount(taken.ravel(), minlength=resamples * items)
    return counts.reshape(resamples, items).astype(np.float64)


def percentiles(value: float, draws: Floats) -> Interval:
    """A value with the 95 % percentile interval of its resampled values (R,)."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}


def _interval(value: float, draws: Floats, reason: str) -> Interval:
    if np.isnan(value):
        return {"value": None, "reason": reason}
    usable = draws[~np.isnan(draws)]
    return percentiles(value, usable if len(usable) else np.array([value]))
