"""Resolve a policy per class: number of copies, strength, and balancing factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.augment.config import STRONGEST, ClassSettings


@dataclass(frozen=True)
class PerClass:
    """Settings by class index, with a last entry for unlabeled images."""

    copies: NDArray[np.float64]  # (K + 1,) copies per image, on average
    strengths: tuple[Mapping[str, float] | float, ...]  # (K + 1,) as configured: one number, or by transform name
    factors: NDArray[np.float64]  # (K + 1,) factor on the strength from balancing

    def numbers(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of copies of each image (n,) by its label; those of one class differ by one at most."""
        found = np.floor(self.copies[labels]).astype(np.int64)
        for label in np.flatnonzero(self.copies % 1):
            own = np.flatnonzero(labels == label)
            found[own[: round(len(own) * (self.copies[label] % 1))]] += 1
        return found

    def strength(self, label: int, transform: str) -> float:
        """Return the strength of a transform for a class; -1 is unlabeled."""
        given = self.strengths[label]
        own = given if isinstance(given, float) else given.get(transform, 1.0)
        return own * float(self.factors[label])

    def table(self, transform: str) -> NDArray[np.float64]:
        """Return the strength of a transform for each class (K,), or for unlabeled images (1,) if there are no classes."""
        return np.array([self.strength(label, transform) for label in range(len(self.copies) - 1) or (-1,)])


def resolve(
    *,
    copies: int,
    own: Mapping[str, ClassSettings],
    balance: bool,
    classes: Sequence[str],
    counts: NDArray[np.int64],
    whole: bool = True,
) -> PerClass:
    """Resolve a policy's settings for classes with `counts` (K,) training images.

    With `balance`, every class gets as many images, originals and copies together, as the largest class with the policy's
    `copies`, if `whole` rounded to whole copies per image, and the strength factor (largest / own count)^(1/4), at most
    `STRONGEST`. Raises ValueError for unknown classes.
    """
    for name in own:
        if name not in classes:
            raise ValueError(
                f"the policy's classes name {settings.quoted(name)}, which is not a class of the data."
                f"{settings.choice(name, classes)}"
            )
    most = int(counts.max()) if len(counts) else 0
    number = np.full(len(classes) + 1, copies, np.float64)
    factors = np.ones(len(classes) + 1)
    if balance and most:
        filled = np.maximum(counts, 1)
        wanted = most * (1 + copies) / filled
        number[:-1] = np.maximum((np.rint(wanted) if whole else wanted) - 1, copies)
        factors[:-1] = np.minimum((most / filled) ** 0.25, STRONGEST)
    strengths: list[Mapping[str, float] | float] = [1.0] * (len(classes) + 1)
    for name, given in own.items():
        label = classes.index(name)
        strengths[label] = given.strength
        if given.copies is not None:
            number[label] = given.copies
    return PerClass(number, tuple(strengths), factors)


def class_counts(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count the labels of each class (K,), ignoring -1."""
    return np.bincount(labels[labels >= 0], minlength=classes).astype(np.int64)
