"""Split-conformal prediction: sets and intervals that contain the truth with a chosen probability, whatever the model
(Papadopoulos et al. 2002; Vovk et al. 2005).

Calibration items that the model was not fitted on get a score each, larger for a worse prediction. The ⌈(n + 1)(1 − miss)⌉-th
smallest of the n scores is a limit that the score of a new item exceeds with probability at most `miss`, if the new item and
the calibration items are exchangeable.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
MISS = 0.1
"""Probability that a set or interval misses the truth: 90 % coverage."""


def fewest(miss: float = MISS) -> int:
    """Return the number of calibration items below which the limit is infinite: 9 at 90 % coverage."""
    return math.ceil(1 / miss - 1 - 1e-9)


def limit(scores: Floats, miss: float = MISS) -> float:
    """Return the limit of calibration scores (N,); infinite with fewer than `fewest` of them."""
    rank = _rank(len(scores), miss)
    return math.inf if rank > len(scores) else float(np.partition(scores, rank - 1)[rank - 1])


def expected_coverage(items: int, miss: float = MISS) -> tuple[float, float]:
    """Return the 95 % range of the coverage that a limit from `items` calibration scores gives, over draws of these items.

    The coverage follows a beta distribution for scores without ties (Vovk 2012); ties only raise it. Raises ValueError with
    fewer than `fewest` items.
    """
    rank = _rank(items, miss)
    if rank > items:
        raise ValueError(f"got {items} calibration items; {1 - miss:.0%} coverage takes at least {fewest(miss)}")
    low, high = special.betaincinv(rank, items + 1 - rank, [0.025, 0.975])
    return float(low), float(high)


def class_scores(probabilities: Floats) -> Floats:
    """Return the scores (N, K) of class probabilities (N, K): one minus the probability (Sadinle, Lei & Wasserman 2019)."""
    return 1 - probabilities


def class_sets(probabilities: Floats, allowed: float) -> NDArray[np.bool_]:
    """Return which classes (N, K) are in the prediction sets: scores up to the limit `allowed`, and always the likeliest class.

    A deviation from Sadinle et al., whose sets are empty where every score exceeds the limit, as happens to a classifier
    whose accuracy exceeds the coverage. Sets that are never empty can only cover more.
    """
    inside = class_scores(probabilities) <= allowed
    inside[np.arange(len(inside)), probabilities.argmax(1)] = True
    return inside


def _rank(items: int, miss: float) -> int:
    return math.ceil((items + 1) * (1 - miss) - 1e-9)


def too_few(items: int, miss: float = MISS) -> dict[str, Any] | None:
    """Return the missing value of too few calibration items with its reason; None if there are enough."""
    if items >= fewest(miss):
        return None
    reason = f"{items} labeled validation images; {1 - miss:.0%} coverage takes at least {fewest(miss)}"
    return {"value": None, "reason": reason}
