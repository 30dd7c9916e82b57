"""Learning-rate schedules by name: the factor on the optimizer's rate as the run goes from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from darkroom.registry import register
from darkroom.settings import Probability

Schedule = Callable[[float], float]


@register("schedule", "one_cycle")
def one_cycle(
    *,
    warmup: Annotated[Probability, Field(description="share of the run in which the rate rises")] = 0.25,
    start: Annotated[Probability, Field(description="factor at the first step")] = 0.04,
    end: Annotated[Probability, Field(description="factor at the last step")] = 0.0,
) -> Schedule:
    """A rise along a cosine, then a longer fall along one (Smith & Topin 2018)."""

    def factor(progress: float) -> float:
        if progress < warmup:
            return start + (1 - start) * _rise(progress / warmup)
        return end + (1 - end) * (1 - _rise((progress - warmup) / max(1e-12, 1 - warmup)))

    return factor


@register("schedule", "cosine")
def cosine(
    *,
    warmup: Annotated[Probability, Field(description="share of the run in which the rate rises linearly")] = 0.0,
    end: Annotated[Probability, Field(description="factor at the last step")] = 0.0,
) -> Schedule:
    """A linear rise, then a fall along half a cosine (Loshchilov & Hutter 2017, without restarts)."""

    def factor(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return end + (1 - end) * (1 - _rise((progress - warmup) / max(1e-12, 1 - warmup)))

    return factor


@register("schedule", "constant")
def constant() -> Schedule:
    """The same rate from the first step to the last."""
    return lambda progress: 1.0


def _rise(share: float) -> float:
    return (1 - math.cos(math.pi * min(1.0, share))) / 2
