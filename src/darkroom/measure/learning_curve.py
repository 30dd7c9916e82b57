"""Learning curves: the test error of a method by the number of its training images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.randomness import derive

Rows = NDArray[np.int64]
Fit = Callable[[Rows], float]
"""Maps training rows to the test error of a model fitted to them."""

SHARES = tuple(2.0 ** (-step / 2) for step in range(6, -1, -1))
"""Shares of the training images that a curve is measured at: from an eighth to all."""
FEWEST_SIZES = 4
"""A power law has three parameters; with fewer sizes there is no forecast."""
PER_CLASS = 2
"""Smallest mean number of images per class that a curve is measured at."""


@dataclass(frozen=True)
class Curve:
    """Test errors of models fitted to nested shares of the training images.

    `errors` has one row per size and one entry per draw; the last size is all training images, of which there is one draw.
    """

    sizes: tuple[int, ...]
    errors: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean error of each size."""
        return np.array([np.mean(row) for row in self.errors])


def measure(fit: Fit, rows: Rows, labels: Rows, groups: Rows, *, draws: int, seed: int) -> Curve:
    """Measure the curve of a method on these training rows, with labels and groups (N,).

    Each draw orders the images at random and takes shares of that order, so that its larger shares contain its smaller
    ones.
    """
    sizes = share_sizes(len(rows), len(np.unique(labels)))
    orders = [rows[nested_order(labels, groups, seed=derive(seed, "share", draw))] for draw in range(draws)]
    shares = tuple(tuple(fit(order[:size]) for order in orders) for size in sizes[:-1])
    return Curve(sizes, (*shares, (fit(rows),)))


def share_sizes(images: int, classes: int) -> tuple[int, ...]:
    """Return the sizes to measure, ascending; the last one is all images."""
    wanted = (round(images * share) for share in SHARES)
    return tuple(dict.fromkeys(size for size in wanted if size >= PER_CLASS * classes or size == images))


def nested_order(labels: Rows, groups: Rows, *, seed: int) -> Rows:
    """Order images (N,) at random so that every prefix has about the class proportions of the whole.

    Images of one group follow one another: a prefix is then as redundant as the whole.
    """
    generator = np.random.default_rng(seed)
    placed: list[tuple[float, Sequence[int]]] = []
    for members in _by_class(labels, groups):
        total, before = sum(map(len, members)), generator.random()
        for index in generator.permutation(len(members)):
            placed.append((before / total, members[index]))
            before += len(members[index])
    return np.array([row for _, rows in sorted(placed, key=lambda one: one[0]) for row in rows], dtype=np.int64)


def _by_class(labels: Rows, groups: Rows) -> Iterator[list[list[int]]]:
    """Yield the groups of each class as lists of places; a group of several classes counts with its first image."""
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(place)
    for label in np.unique(labels).tolist():
        if found := [places for places in members.values() if labels[places[0]] == label]:
            yield found
