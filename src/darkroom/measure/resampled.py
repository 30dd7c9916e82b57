"""Intervals and tests for scores of repeated trainings on overlapping images: cross-validation, repeated or not.

Trainings that share images are correlated, so the variance of their mean is larger than s² / J. Nadeau & Bengio (2003,
"Inference for the generalization error") estimate it as s² (1 / J + n_test / n_train). They derived that for J random splits;
for folds it is an approximation that Bouckaert & Frank (2004) found to work well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from darkroom.measure.bootstrap import Interval
from darkroom.measure.seeds import t_interval


def corrected_variance(values: Sequence[float], ratio: float) -> float:
    """Return the variance of the mean of scores; `ratio` is test images per training image.

    Raises ValueError for fewer than two.
    """
    if len(values) < 2:
        raise ValueError(f"a corrected variance needs two or more values, got {len(values)}")
    return float(np.var(values, ddof=1)) * (1 / len(values) + ratio)


def corrected_interval(values: Sequence[float], ratio: float) -> Interval:
    """Return the mean of scores with its corrected 95 % t-interval, which has no width if they are all equal."""
    mean, low, high = t_interval(values, ratio=ratio)
    return {"value": mean, "low": low, "high": high}


def corrected_test(differences: Sequence[float], ratio: float) -> float:
    """Return the two-sided p-value of the corrected paired t-test that the mean difference is 0."""
    mean, variance = float(np.mean(differences)), corrected_variance(differences, ratio)
    if variance == 0:
        return float(mean == 0)
    return float(2 * special.stdtr(len(differences) - 1, -abs(mean) / math.sqrt(variance)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the number of tests (Holm 1979), in the same order."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
