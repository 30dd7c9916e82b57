"""Bayesian active learning by disagreement (Houlsby et al. 2011), by dropout (Gal, Islam & Ghahramani 2017)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from darkroom.registry import register
from darkroom.suggest.pool import Pool, Ranked, entropies, highest


@register("acquisition", "bald")
class BALD:
    """Images on which draws of dropout disagree: the mutual information between prediction and weights, in nats.

    It needs a network with dropout.
    """

    def __init__(self, *, draws: Annotated[int, Field(ge=2, description="draws of dropout per image")] = 20) -> None:
        self.draws = draws

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return the `count` images with the highest entropy of the mean minus mean entropy."""
        draws = pool.draws(self.draws)
        return highest(entropies(draws.mean(0)) - entropies(draws).mean(0), count)
