"""The rounds of a search: how many trials each has, for how many epochs they train, and which earlier ones they read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkroom.classify.tuning.space import Method

REDUCTION = 3
"""Successive halving keeps the best of this many trials, and gives them as many times the epochs."""
STARTUP, PARALLEL = 10, 4
"""TPE begins with random trials, then proposes a few at a time, from all trials of earlier rounds."""


@dataclass(frozen=True)
class Round:
    """Trials that do not depend on one another; `epochs` is None for the model's own number."""

    trials: int
    epochs: int | None = None


def rounds(method: Method, trials: int, *, epochs: int) -> list[Round]:
    """Return the rounds of a search of a model that trains for a number of epochs."""
    if method == "random":
        return [Round(trials)]
    if method == "tpe":
        first = min(STARTUP, trials)
        later = [min(PARALLEL, trials - done) for done in range(first, trials, PARALLEL)]
        return [Round(count) for count in (first, *later)]
    last = min(_power(trials), _power(epochs))
    return [
        Round(max(1, trials // REDUCTION**k), max(1, round(epochs / REDUCTION ** (last - k)))) for k in range(last + 1)
    ]


def _power(number: int) -> int:
    """Return how often a number can be divided by `REDUCTION` and stay at least 1."""
    return int(math.log(number, REDUCTION) + 1e-9)
