"""Highest predictive entropy (Shannon 1948; as an acquisition rule, Settles & Craven 2008)."""

from __future__ import annotations

import numpy as np

from darkroom.registry import register
from darkroom.suggest.pool import Pool, Ranked, entropies, highest


@register("acquisition", "entropy")
class Entropy:
    """Images whose predicted distribution over the classes has the highest entropy, which is the score, in nats."""

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return the `count` images with the highest entropy."""
        return highest(entropies(pool.probabilities()), count)
