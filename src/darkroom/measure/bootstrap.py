"""Bootstrap confidence intervals (Efron 1979) over test items.

A statistic takes weights (R, N), the count of each item in each resample, and returns values (R,), so that array
operations handle many resamples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = dict[str, Any]
"""`{"value", "low", "high"}`, or `{"value": None, "reason"}` if undefined."""

LEVEL = 0.95
ONE_KIND = "needs items of more than one kind"
CELLS = 500_000
"""Maximum number of weights in memory: 4 MB. A statistic may use ten times as much."""


def intervals(
    statistic: Callable[[Floats], Mapping[str, Floats]],
    items: int,
    *,
    resamples: int,
    generator: np.random.Generator,
    reason: str = ONE_KIND,
    biased: Collection[str] = (),
) -> dict[str, Interval]:
    """Return each of the statistic's values with its 95 % percentile interval.

    A value that is NaN on the full set gets `reason` instead; resamples where it is NaN, such as those without an anomaly,
    are left out of its interval. Resampling alone inflates the values named in `biased`, such as the calibration error: the
    bootstrap estimate of this bias is subtracted from their resampled values, clipped at 0. Raises ValueError if there are
    no items.
    """
    if items < 1:
        raise ValueError("there are no items to measure")
    draws = {name: [values] for name, values in statistic(np.ones((1, items))).items()}
    size = max(1, CELLS // items)
    for start in range(0, resamples, size):
        found = statistic(resample(items, min(size, resamples - start), generator))
        for name, values in found.items():
            draws[name].append(values)
    joined = {name: np.concatenate(values) for name, values in draws.items()}
    for name in biased:
        value, resampled = joined[name][0], joined[name][1:]
        joined[name][1:] = np.maximum(0, resampled - (np.nanmean(resampled) - value))
    return percentile_intervals(joined, reason=reason)


def percentile_intervals(draws: Mapping[str, Floats], *, reason: str = ONE_KIND) -> dict[str, Interval]:
    """Return the first of each row of values (1 + R,), computed on the full set, with the percentile interval of the rest.

    NaN is handled as in `intervals`.
    """
    return {name: _interval(float(values[0]), values[1:], reason) for name, values in draws.items()}


def without_flat(found: Mapping[str, Interval]) -> dict[str, Interval]:
    """Drop bounds that coincide: resamples of items without a mistake contain none, which shows no certainty."""
    return {name: {"value": one["value"]} if _flat(one) else one for name, one in found.items()}


def mean_intervals(
    values: Mapping[str, NDArray[Any]], *, resamples: int, generator: np.random.Generator
) -> dict[str, Interval]:
    """Return the mean of each row of values (N,) with its interval, all from the same resamples."""
    table = np.stack([np.asarray(row, np.float64) for row in values.values()], axis=1)  # (N, K)

    def means(weights: Floats) -> dict[str, Floats]:
        found = weights @ table / weights.sum(1, keepdims=True)
        return {name: found[:, k] for k, name in enumerate(values)}

    return intervals(means, len(table), resamples=resamples, generator=generator)


def resample(items: int, resamples: int, generator: np.random.Generator) -> Floats:
    """Draw with replacement; return counts (resamples, items), each row summing to `items`."""
    taken = generator.integers(0, items, size=(resamples, items))
    taken += np.arange(resamples)[:, None] * items
    counts = np.bincount(taken.ravel(), minlength=resamples * items)
    return counts.reshape(resamples, items).astype(np.float64)


def percentiles(value: float, draws: Floats) -> Interval:
    """Return a value with the 95 % percentile interval of its resampled values (R,)."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}


def _flat(interval: Interval) -> bool:
    return interval["value"] is not None and interval["low"] == interval["high"]


def _interval(value: float, draws: Floats, reason: str) -> Interval:
    if np.isnan(value):
        return {"value": None, "reason": reason}
    usable = draws[~np.isnan(draws)]
    return percentiles(value, usable if len(usable) else np.array([value]))
