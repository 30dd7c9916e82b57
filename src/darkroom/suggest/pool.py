"""What an acquisition rule reads of the unlabeled images, and what it returns."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Pool(Protocol):
    """N unlabeled images as a classifier with K classes sees them; each method computes when it is called."""

    def probabilities(self) -> Floats:
        """Return the probability of each class (N, K)."""

    def features(self) -> Floats:
        """Return the inputs of the last layer (N, D)."""

    def labeled_features(self) -> Floats:
        """Return the inputs of the last layer for the labeled images (M, D); M is 0 if there are none."""

    def draws(self, count: int) -> Floats:
        """Return the probabilities under `count` draws of dropout (count, N, K). Raises ValueError without dropout."""


class Ranked(NamedTuple):
    """The chosen images, the first one to label first."""

    rows: NDArray[np.int64]  # (n,) into the pool
    scores: Floats  # (n,)


class Rule(Protocol):
    """A plug-in of kind `acquisition`."""

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return `count` distinct images of the pool, which has at least that many."""


def highest(scores: Floats, count: int) -> Ranked:
    """Return the `count` images with the highest scores (N,), in the pool's order where scores are equal."""
    rows = np.argsort(-scores, kind="stable")[:count]
    return Ranked(rows, scores[rows])


def entropies(probabilities: Floats) -> Floats:
    """Return the entropy in nats of distributions (..., K)."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1))
    found: Floats = -(probabilities * logs).sum(-1)
    return found
