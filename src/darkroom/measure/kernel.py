"""The kernel distance between two feature sets (KID; Bińkowski et al. 2018): the unbiased squared maximum mean discrepancy
with the kernel (x·y / D + 1)³.

It can be negative, and its expectation does not depend on the number of images. The paper averages over random subsets;
the full sets give the same expectation with less variance. A generator that repeats a few images can still score well, so
read it together with coverage.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, checked, rows_at_a_time


class KernelDistance(NamedTuple):
    """KID and its standard error."""

    value: float
    sd: float


def kernel_distance(first: NDArray[Any], second: NDArray[Any]) -> KernelDistance:
    """Return the KID of features (N, D) and (M, D) with N, M ≥ 3, and its leave-one-out jackknife standard error."""
    checked(first, second)
    n, m = len(first), len(second)
    if min(n, m) < 3:
        raise ValueError(f"the kernel distance needs at least three images of each kind, got {n} and {m}")
    x, y = first.astype(np.float64), second.astype(np.float64)
    inside_x, inside_y = _sums(x, x) - _diagonal(x), _sums(y, y) - _diagonal(y)
    across_x, across_y = _sums(x, y), _sums(y, x)
    total_x, total_y, across = inside_x.sum(), inside_y.sum(), across_x.sum()
    mean_x, mean_y = total_x / (n * (n - 1)), total_y / (m * (m - 1))
    value = mean_x + mean_y - 2 * across / (n * m)
    # leave-one-out estimates: image i's row and column drop out of its own set's sum, its row out of the cross term
    without_x = (total_x - 2 * inside_x) / ((n - 1) * (n - 2)) + mean_y - 2 * (across - across_x) / ((n - 1) * m)
    without_y = (total_y - 2 * inside_y) / ((m - 1) * (m - 2)) + mean_x - 2 * (across - across_y) / (n * (m - 1))
    variance = (n - 1) * without_x.var() + (m - 1) * without_y.var()
    return KernelDistance(float(value), float(np.sqrt(variance)))


def _kernel(products: Floats, features: int) -> Floats:
    cubed: Floats = (products / features + 1) ** 3
    return cubed


def _diagonal(x: Floats) -> Floats:
    return _kernel(np.square(x).sum(1), x.shape[1])


def _sums(x: Floats, y: Floats) -> Floats:
    """Sum the kernel over the rows of `y` for each row of `x`."""
    size = rows_at_a_time(len(y))
    return np.concatenate([_kernel(x[at : at + size] @ y.T, x.shape[1]).sum(1) for at in range(0, len(x), size)])
