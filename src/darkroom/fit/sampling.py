"""Which items an epoch shows and in which order. Every epoch has as many images as there are items.

So all ways of sampling take equal numbers of steps, and differ in how often they show an item of a rare class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int64]
Sampling = Literal["shuffled", "balanced_sampler", "even"]


def shuffled(labels: Items, generator: np.random.Generator) -> Items:
    """Every item once."""
    return generator.permutation(len(labels))


def balanced_sampler(labels: Items, generator: np.random.Generator) -> Items:
    """Draws with replacement; every class that has items is as likely as another."""
    counts = np.bincount(labels)
    chances = 1.0 / counts[labels]
    return generator.choice(len(labels), len(labels), p=chances / chances.sum())


def even(labels: Items, generator: np.random.Generator) -> Items:
    """As many items of each class, to one: those of a small class repeated equally often, to one, those of a large one a
    part of them without repetition."""
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
