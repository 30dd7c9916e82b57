"""Score intervals of binomial proportions, which have a width even at 0 and 1.

A bootstrap has none there: no resample of 50 hits contains a miss. The formula is that of
`scipy.stats.binomtest(...).proportion_ci(method="wilson")`; importing `scipy.stats` would cost each job 0.25 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

Z = float(special.ndtri(0.975))
Interval = dict[str, Any]


def wilson(count: int, items: int, *, reason: str) -> Interval:
    """Return `count` / `items` with its 95 % score interval (Wilson 1927), or `reason` if there are no items."""
    if not items:
        return {"value": None, "reason": reason}
    share = count / items
    middle = (share + Z**2 / (2 * items)) / (1 + Z**2 / items)
    half = Z * np.sqrt(share * (1 - share) / items + Z**2 / (4 * items**2)) / (1 + Z**2 / items)
    low, high = max(0.0, float(middle - half)), min(1.0, float(middle + half))
    return {"value": share, "low": min(share, low), "high": max(share, high)}


def precision_interval(hits: int, called: int) -> Interval:
    """Return `hits` / `called` with its interval; the precision of what is never called is 0 by convention, and unknown."""
    return wilson(hits, called, reason="") if called else {"value": 0.0, "low": 0.0, "high": 1.0}


def difference_interval(first: int, items: int, second: int, others: int) -> Interval:
    """Return `first` / `items` - `second` / `others`, shares of independent samples, with its 95 % interval.

    Combines the score intervals of both (Newcombe 1998, method 10). Both samples have an item or more.
    """
    one, two = wilson(first, items, reason=""), wilson(second, others, reason="")
    value = one["value"] - two["value"]
    low = value - np.hypot(one["value"] - one["low"], two["high"] - two["value"])
    high = value + np.hypot(one["high"] - one["value"], two["value"] - two["low"])
    return {"value": value, "low": float(low), "high": float(high)}


def f1_interval(hits: int, called: int, true: int, *, reason: str) -> Interval:
    """Return F1 with its 95 % interval, or `reason` if there are no items: `called` predicted positives, `true` positives,
    `hits` both.

    F1 is 2 J / (1 + J) with the Jaccard index J = hits / (called or true); the interval is the transformed Wilson
    interval of J.
    """
    jaccard = wilson(hits, called + true - hits, reason=reason)
    if jaccard["value"] is None:
        return jaccard
    return {key: 2 * value / (1 + value) for key, value in jaccard.items()}


def perfect_auroc(value: float, positive: int, negative: int) -> Interval:
    """Return an AUROC of 0 or 1 with its 95 % score interval, given the numbers of positive and negative items.

    Every resample of separated items is separated, so a bootstrap interval has no width. This one inverts the score test
    with Hanley and McNeil's variance (Newcombe 2006, method 5): its bound is the AUROC that lies 1.96 standard errors away.
    """
    from scipy import optimize  # slow to import, and rarely needed

    pairs, spread = positive * negative, (positive + negative) / 2 - 1

    def excess(error: float) -> float:  # error = 1 - AUROC
        area = 1 - error
        variance = area * error / pairs * (1 + spread * (error / (1 + error) + area / (1 + area)))
        return float(error - Z * np.sqrt(variance))

    bound = float(optimize.brentq(excess, 1e-12, 1.0))
    low, high = (1 - bound, 1.0) if value == 1 else (0.0, bound)
    return {"value": value, "low": low, "high": high}


def perfect_macro_auroc(value: float, positive: Sequence[int], items: int) -> Interval:
    """Return a macro AUROC of 0 or 1 with its 95 % interval, given each class's number of positive items.

    Combines the intervals of the classes by `mean_of_shares`; those without positive or without negative items do not count.
    """
    parts = [perfect_auroc(value, count, items - count) for count in positive if 0 < count < items]
    low, high = mean_of_shares(parts)
    return {"value": value, "low": low, "high": high}


def mean_of_shares(parts: Sequence[Interval]) -> tuple[float, float]:
    """Return the 95 % bounds of the mean of independent estimates from their intervals (MOVER; Zou & Donner 2008)."""
    values, low, high = (np.array([part[key] for part in parts]) for key in ("value", "low", "high"))
    down, up = (np.sqrt(np.square(values - bound).sum()) / len(parts) for bound in (low, high))
    return max(0.0, float(values.mean() - down)), min(1.0, float(values.mean() + up))
