"""Which items an epoch shows, and in which order. An epoch always has as many images as there are items.

All ways of sampling therefore take the same number of steps; they differ in how often they show items of rare classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int64]
Sampling = Literal["shuffled", "balanced_sampler", "even"]


def shuffled(labels: Items, generator: np.random.Generator) -> Items:
    """Take every item once."""
    return generator.permutation(len(labels))


def balanced_sampler(labels: Items, generator: np.random.Generator) -> Items:
    """Draw with replacement; every class that has items is equally likely."""
    counts = np.bincount(labels)
    chances = 1.0 / counts[labels]
    return generator.choice(len(labels), len(labels), p=chances / chances.sum())


def even(labels: Items, generator: np.random.Generator) -> Items:
    """Take equally many items of each class, give or take one: small classes repeat, large ones are subsampled."""
    classes = generator.permutation(np.unique(labels))
    shares = np.full(len(classes), len(labels) // len(classes))
    shares[: len(labels) % len(classes)] += 1
    chosen = []
    for label, share in zip(classes, shares, strict=True):
        rows = np.flatnonzero(labels == label)
        rounds, rest = divmod(int(share), len(rows))
        chosen += [np.tile(rows, rounds), generator.permutation(rows)[:rest]]
    return generator.permutation(np.concatenate(chosen))


SAMPLINGS: dict[Sampling, Callable[[Items, np.random.Generator], Items]] = {
    "shuffled": shuffled,
    "balanced_sampler": balanced_sampler,
    "even": even,
}
