"""Greedy k-center (Sener & Savarese 2018, "Active learning for convolutional neural networks: a core-set approach").

The paper improves the greedy choice by a mixed-integer program; its greedy choice, used here, is within a factor of 2 of the
optimum.
"""

from __future__ import annotations

import numpy as np

from darkroom.registry import register
from darkroom.suggest.pool import Floats, Pool, Ranked


@register("acquisition", "k_center")
class KCenter:
    """Images that cover the pool: each is farthest, in features, from all labeled and chosen ones; the score is the distance.

    Without labeled images, the first one is that nearest the mean.
    """

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return `count` images, each the farthest from the labeled ones and those before it."""
        features = pool.features()
        nearest = np.full(len(features), np.inf)
        for known in pool.labeled_features():
            nearest = np.minimum(nearest, _squared(features, known))
        rows: list[int] = []
        scores = []
        for _ in range(count):
            alone = bool(np.isinf(nearest).all())
            row = int(_squared(features, features.mean(0)).argmin() if alone else nearest.argmax())
            rows.append(row)
            scores.append(0.0 if alone else float(np.sqrt(max(nearest[row], 0))))
            nearest = np.minimum(nearest, _squared(features, features[row]))
            nearest[rows] = -1  # never again, even if the pool holds copies
        return Ranked(np.array(rows, dtype=np.int64), np.array(scores))


def _squared(features: Floats, point: Floats) -> Floats:
    found: Floats = ((features - point) ** 2).sum(1)
    return found
