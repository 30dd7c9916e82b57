"""What is wrong with a set of images: copies of the same picture, and copies that carry different labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def fingerprint(image: NDArray[np.uint8]) -> str:
    """The sha256 of an image's height, width, channels and pixels, as hex: equal for equal pictures in any file type."""
    digest = hashlib.sha256(np.asarray(image.shape, dtype="<u4").tobytes())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Copies:
    """The items that show the very same picture as an earlier one."""

    first: dict[int, int]
    """The row of a copy → the first row with the same picture."""
    conflicting: tuple[int, ...]
    """First rows of pictures whose copies carry different labels."""

    @property
    def groups(self) -> int:
        """How many pictures there are more than once."""
        return len(set(self.first.values()))


def find_copies(fingerprints: Sequence[str], labels: Sequence[int]) -> Copies:
    """Find exact copies among items with these fingerprints and class numbers."""
    seen: dict[str, int] = {}
    first: dict[int, int] = {}
    conflicting: set[int] = set()
    for row, print_ in enumerate(fingerprints):
        earliest = seen.setdefault(print_, row)
        if earliest != row:
            first[row] = earliest
            if labels[row] != labels[earliest]:
                conflicting.add(earliest)
    return Copies(first, tuple(sorted(conflicting)))


def group_numbers(given: Sequence[str | None], links: dict[int, int]) -> NDArray[np.int64]:
    """A number a row: equal for rows with the same given group, for linked rows, and for all that these connect.

    Numbers count up in the order of the rows.
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
