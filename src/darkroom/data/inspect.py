"""Find exact copies of a picture, and copies with different labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fingerprint(sample: NDArray[Any]) -> str:
    """Return the sha256 of a sample's shape and values as hex: equal for equal pictures whatever their file type."""
    digest = hashlib.sha256(np.asarray(sample.shape, dtype="<u4").tobytes())
    digest.update(np.ascontiguousarray(sample).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Copies:
    """The items that show exactly the same picture as an earlier one."""

    first: dict[int, int]
    """Row of a copy → first row with the same picture."""
    conflicting: tuple[int, ...]
    """First rows of pictures whose copies have different labels, or targets of another kind."""

    @property
    def groups(self) -> int:
        """The number of pictures that occur more than once."""
        return len(set(self.first.values()))


def find_copies(fingerprints: Sequence[str], labels: Sequence[object]) -> Copies:
    """Find exact copies among items with these fingerprints and labels, or targets of another kind; None conflicts with none."""
    seen: dict[str, int] = {}
    known: dict[str, object] = {}
    first: dict[int, int] = {}
    conflicting: set[int] = set()
    for row, (print_, label) in enumerate(zip(fingerprints, labels, strict=True)):
        earliest = seen.setdefault(print_, row)
        if earliest != row:
            first[row] = earliest
        if label is not None and known.setdefault(print_, label) != label:
            conflicting.add(earliest)
    return Copies(first, tuple(sorted(conflicting)))


def group_numbers(given: Sequence[str | None], links: dict[int, int]) -> NDArray[np.int64]:
    """Return one group number per row, equal for rows that a given group or link connects, directly or through others.

    Numbers increase in the order of the rows.
    """
    parent = list(range(len(given)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        parent[high] = low

    named: dict[str, int] = {}
    for row, name in enumerate(given):
        if name is not None:
            join(row, named.setdefault(name, row))
    for row, other in links.items():
        join(row, other)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(row), len(numbers)) for row in range(len(given))], dtype=np.int64)
