"""Smallest margin between the two most probable classes (Scheffer, Decomain & Wrobel 2001)."""

from __future__ import annotations

import numpy as np

from darkroom.registry import register
from darkroom.suggest.pool import Pool, Ranked, highest


@register("acquisition", "margin")
class Margin:
    """Images whose two most probable classes are closest; the score is 1 minus the difference of their probabilities."""

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return the `count` images with the smallest margin."""
        second, first = np.sort(pool.probabilities(), axis=1)[:, -2:].T
        return highest(1 - (first - second), count)
