"""Confidence intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special


def t_interval(values: Sequence[float], *, ratio: float = 0.0) -> tuple[float, float, float]:
    """Return mean, low and high of the 95 % t-interval of two or more values.

    The variance of the mean is s² (1 / n + `ratio`): 0 for independent values, see `resampled` for others. Raises ValueError for
    fewer than two.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"a t-interval needs two or more values, got {n}")
    mean = float(np.mean(values))
    half = float(special.stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) * math.sqrt(1 / n + ratio)
    return mean, mean - half, mean + half
