"""Choose a rung by its validation images, and stop one that cannot be chosen.

The choice climbs: it starts on the simplest rung and moves up to the next one only if that is right on more of the same
validation images, by more than one standard error of the difference (the one-standard-error rule of Breiman et al. 1984, on
paired images). A tie stays with the simpler, faster rung.

A rung is validated fold by fold. It stops once it would have no more right answers than the rung to beat even if it were
right on every image of the folds ahead, wherever validation ends. It could then never be moved up to, and neither could it
have been if it had gone on: stopping changes no choice. This is curtailed sampling, which needs no assumption about the images
(compare Maron & Moore 1994, whose races stop earlier, with a chance of error).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Folds = Sequence[NDArray[np.float64]]
"""For each validated fold, the share of seeds (images,) that are right on each of its images."""


@dataclass(frozen=True)
class Step:
    """A comparison with the rung below on validation images: mean difference in accuracy and its standard error."""

    to: str
    base: str
    gain: float
    error: float
    images: int

    @property
    def taken(self) -> bool:
        """Whether the climb moves up."""
        return self.gain > self.error + 1e-12


def climb(rungs: Mapping[str, Folds]) -> tuple[str, list[Step]]:
    """Return the chosen one of these rungs, simplest first, and the comparisons that led there.

    Two rungs are compared on the folds that both were validated on.
    """
    chosen, *others = rungs
    steps = []
    for name in others:
        steps.append(_step(name, rungs[name], chosen, rungs[chosen]))
        if steps[-1].taken:
            chosen = name
    return chosen, steps


def cannot_win(right: Folds, best: Folds) -> bool:
    """Return whether a rung validated on the first folds cannot beat `best`, wherever up to its last fold validation ends.

    Before its first fold, every rung can win.
    """
    if not right:
        return False
    most = sum(float(fold.sum()) for fold in right)
    for known in range(len(right), len(best) + 1):
        if known > len(right):
            most += len(best[known - 1])
        if most > sum(float(fold.sum()) for fold in best[:known]):
            return False
    return True


def _step(to: str, right: Folds, base: str, before: Folds) -> Step:
    common = min(len(right), len(before))
    gains = np.concatenate(right[:common]) - np.concatenate(before[:common])
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    return Step(to, base, float(gains.mean()), error, len(gains))
