"""Euclidean distances between two sets of vectors, in blocks of rows that keep memory bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS = 4_000_000
"""Maximum number of distances in memory: 32 MB."""
ROUNDING = 1e-13
"""Squared distances below this fraction of the vectors' squared norms are rounding errors and set to 0."""


def rows_at_a_time(columns: int) -> int:
    """Return the number of rows per block of a matrix with `columns` columns."""
    return max(1, CELLS // max(1, columns))


def squared_blocks(first: NDArray[Any], second: NDArray[Any]) -> Iterator[tuple[slice, Floats]]:
    """Yield the squared distances from `first` (N, D) to `second` (M, D) in blocks: a slice of rows and its (rows, M).

    Computed from dot products after subtracting the mean of `second` from both; equal vectors have distance 0.
    """
    checked(first, second)
    middle = second.mean(0, dtype=np.float64)
    first, second = first - middle, second - middle
    lengths, others = (first * first).sum(1), (second * second).sum(1)
    for start in range(0, len(first), rows_at_a_time(len(second))):
        part = slice(start, start + rows_at_a_time(len(second)))
        whole = lengths[part, None] + others
        found = whole - 2 * (first[part] @ second.T)
        found[found < ROUNDING * whole] = 0
        yield part, found


def checked(first: NDArray[Any], second: NDArray[Any]) -> None:
    """Raise ValueError unless both are nonempty, finite, and of shape (N, D) with the same D."""
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or not (len(first) and len(second)):
        raise ValueError(f"expected two sets of vectors (N, D) and (M, D), got {first.shape} and {second.shape}")
    for name, values in (("first", first), ("second", second)):
        if not np.isfinite(values).all():
            rows = int((~np.isfinite(values)).any(1).sum())
            raise ValueError(f"{rows} of {len(values)} vectors of the {name} set are not finite")
