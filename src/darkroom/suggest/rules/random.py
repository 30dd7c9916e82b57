"""Images at random: what every other rule has to beat."""

from __future__ import annotations

import numpy as np

from darkroom.registry import register
from darkroom.suggest.pool import Pool, Ranked, highest


@register("acquisition", "random")
class Random:
    """Images drawn at random; the score is the number drawn."""

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return `count` images drawn without replacement."""
        return highest(generator.random(len(pool.probabilities())), count)
