"""Numbers with their 95 % intervals: read from results, joined over seeds, and compared in pairs on the same items."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
"""Bootstrap resamples behind each difference."""
BOUNDS = (-math.inf, math.inf)

# 0.975 quantiles of Student's t for 1 to 30 degrees of freedom
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A measured number; `value` is None where it could not be had, and `reason` says why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    seeds: int = 1

    def overlaps(self, other: Number) -> bool:
        """Whether the two intervals share a point; true as well when one of them is unknown."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return True
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Difference:
    """A mean difference between two methods on the same items, with its interval."""

    value: float
    low: float
    high: float
    seeds: int = 1

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def number(value: Any, *path: str) -> Number:
    """The number at a path of keys in a result; what is not there becomes a Number that says so, and why if that is told."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            break
        value = value[key]
    else:
        return _number(value)
    return Number(reason=str(value.get("reason", "not recorded")) if isinstance(value, Mapping) else "not recorded")


def _number(value: Any) -> Number:
    if isinstance(value, Mapping):
        if value.get("value") is None:
            return Number(reason=str(value.get("reason", "not recorded")))
        return Number(float(value["value"]), _float(value.get("low")), _float(value.get("high")))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Number(float(value))
    return Number(reason="not recorded")


def over_seeds(numbers: Sequence[Number], bounds: tuple[float, float] = BOUNDS) -> Number:
    """The mean over seeds with a t-interval, cut at `bounds`.

    One seed, or seeds that all agree because the method draws nothing, keep the first one's own interval.
    """
    known = [n for n in numbers if n.value is not None]
    if not known:
        return numbers[0] if numbers else Number(reason="not recorded")
    if len({n.value for n in known}) == 1:
        return replace(known[0], seeds=len(known))
    mean, low, high = t_interval([n.value for n in known if n.value is not None])
    return Number(mean, max(bounds[0], low), min(bounds[1], high), seeds=len(known))


def t_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % t-interval of two or more values."""
    n = len(values)
    mean = float(np.mean(values))
    half = t_quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def t_quantile(freedom: int) -> float:
    """The 0.975 quantile of Student's t; from a table, beyond it by the Cornish-Fisher expansion (error below 1e-4)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def paired(differences: Sequence[NDArray[np.float64]]) -> Difference:
    """The mean of item differences with a paired bootstrap interval over the items.

    Takes one array (items,) a seed, the items in one order. With several seeds the interval also spans the t-interval
    over the seeds' means, so that it covers the choice of test items and the spread between trainings.
    """
    means = [float(d.mean()) for d in differences]
    # item differences take few values, so resampling items is a multinomial draw of how often each value comes
    values, counts = np.unique(np.mean(differences, axis=0), return_counts=True)
    total = int(counts.sum())
    draws = np.random.default_rng(0).multinomial(total, counts / total, RESAMPLES) @ values / total
    return _spanned(means, draws)


def paired_auroc(
    first: Sequence[NDArray[np.float64]], second: Sequence[NDArray[np.float64]], anomalous: NDArray[np.bool_]
) -> Difference:
    """AUROC of the first scores minus that of the second on the same items, as `paired` does; (items,) a seed each.

    Normal and anomalous items are resampled apart, so that no resample lacks either.
    """
    generator = np.random.default_rng(0)
    resamples = max(200, min(RESAMPLES // 4, 4_000_000 // len(anomalous)))
    weights = np.empty((resamples + 1, len(anomalous)))
    weights[0] = 1  # the sample itself
    for kind in (False, True):
        rows = np.flatnonzero(anomalous == kind)
        weights[1:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples)
    each = [_aurocs(a, anomalous, weights) - _aurocs(b, anomalous, weights) for a, b in zip(first, second, strict=True)]
    return _spanned([float(e[0]) for e in each], np.mean(each, axis=0)[1:])


def _aurocs(
    scores: NDArray[np.float64], anomalous: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The AUROC under each row of item weights (resamples, items); ties count half."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    positive = np.add.reduceat(weights[:, order] * anomalous[order], starts, axis=1)
    negative = np.add.reduceat(weights[:, order] * ~anomalous[order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    area: NDArray[np.float64] = (positive * below).sum(1) / (positive.sum(1) * negative.sum(1))
    return area


def _spanned(means: list[float], draws: NDArray[np.float64]) -> Difference:
    low, high = (float(q) for q in np.quantile(draws, [0.025, 0.975]))
    if len(means) > 1:
        _, t_low, t_high = t_interval(means)
        low, high = min(low, t_low), max(high, t_high)
    return Difference(float(np.mean(means)), low, high, len(means))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
