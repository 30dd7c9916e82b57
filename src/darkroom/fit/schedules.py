"""Schedules by name: how learning rate and momentum move as a run goes from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.optim.lr_scheduler import LambdaLR

from darkroom.fit.combined import Switched
from darkroom.fit.options import Warmup
from darkroom.registry import register
from darkroom.settings import Count, Probability

Curve = Callable[[float], float]
HIGHEST_MOMENTUM, LOWEST_MOMENTUM = 0.95, 0.85
"""The range of one-cycle momentum (Smith 2018, arXiv 1803.09820)."""


@dataclass(frozen=True)
class Schedule:
    """Functions of the progress in [0, 1]: the factor on the learning rate and, if it moves too, the momentum.

    `plateau` lowers the rate further when the validation loss stops falling.
    """

    rate: Curve
    momentum: Curve | None = None
    plateau: Plateau | None = None


@dataclass(frozen=True)
class Plateau:
    """Multiply the rate by `factor` after `patience` epochs in a row without a lower loss, down to `floor`."""

    factor: float
    patience: int
    floor: float


@register("schedule", "one_cycle")
def one_cycle(
    *,
    warmup: Annotated[Warmup, Field(description="share of the run in which the rate rises")] = 0.25,
    start: Annotated[Probability, Field(description="factor at the first step")] = 0.04,
    end: Annotated[Probability, Field(description="factor at the last step")] = 0.0,
    cycle_momentum: Annotated[
        bool,
        Field(description="lower momentum (AdamW: beta1) from 0.95 to 0.85 as the rate rises, and raise it again"),
    ] = True,
) -> Schedule:
    """A cosine rise, then a longer cosine fall, momentum moving inversely (Smith & Topin 2018; Smith 2018)."""

    def rate(progress: float) -> float:
        if progress < warmup:
            return start + (1 - start) * _rise(progress / warmup)
        return end + (1 - end) * (1 - _fall(progress, warmup))

    def momentum(progress: float) -> float:
        low = _rise(progress / warmup) if progress < warmup else 1 - _fall(progress, warmup)
        return HIGHEST_MOMENTUM + (LOWEST_MOMENTUM - HIGHEST_MOMENTUM) * low

    return Schedule(rate, momentum if cycle_momentum else None)


@register("schedule", "cosine")
def cosine(
    *,
    warmup: Annotated[Warmup, Field(description="share of the run in which the rate rises linearly")] = 0.0,
    start: Annotated[Probability, Field(description="factor at the first step of the warm-up")] = 0.01,
    end: Annotated[Probability, Field(description="factor at the last step")] = 0.0,
) -> Schedule:
    """A linear rise, then a fall along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return _warmed(warmup, start, lambda left: end + (1 - end) * (1 - _rise(left)))


@register("schedule", "cosine_restarts")
def cosine_restarts(
    *,
    cycles: Annotated[int, Field(ge=1, description="number of cosine cycles, all of the same length")] = 3,
    end: Annotated[Probability, Field(description="factor at the end of each cycle")] = 0.0,
) -> Schedule:
    """A fall along half a cosine in each cycle, then a warm restart (SGDR: Loshchilov & Hutter 2017, equal cycles)."""

    def rate(progress: float) -> float:
        place = progress * cycles
        return end + (1 - end) * (1 - _rise(place - min(math.floor(place + 1e-9), cycles - 1)))

    return Schedule(rate)


@register("schedule", "linear")
def linear(
    *,
    warmup: Annotated[Warmup, Field(description="share of the run in which the rate rises linearly")] = 0.0,
    start: Annotated[Probability, Field(description="factor at the first step of the warm-up")] = 0.01,
    end: Annotated[Probability, Field(description="factor at the last step")] = 0.0,
) -> Schedule:
    """A linear rise, then a linear fall."""
    return _warmed(warmup, start, lambda left: 1 + (end - 1) * left)


@register("schedule", "exponential")
def exponential(*, end: Annotated[float, Field(gt=0, lt=1, description="factor at the last step")] = 0.01) -> Schedule:
    """A fall by the same ratio at every step."""
    return Schedule(lambda progress: end**progress)


@register("schedule", "step")
def step(
    *,
    every: Annotated[float, Field(gt=0, lt=1, description="share of the run between two drops")] = 0.3,
    gamma: Annotated[float, Field(gt=0, lt=1, description="factor of each drop")] = 0.1,
) -> Schedule:
    """A constant rate that drops by the same factor at regular intervals."""
    return Schedule(lambda progress: gamma ** math.floor(progress / every + 1e-9))


@register("schedule", "constant")
def constant() -> Schedule:
    """The same rate from the first step to the last."""
    return Schedule(lambda progress: 1.0)


@register("schedule", "plateau")
def plateau(
    *,
    factor: Annotated[float, Field(gt=0, lt=1, description="factor of each drop")] = 0.3,
    patience: Annotated[Count, Field(description="epochs in a row without a lower validation loss before a drop")] = 3,
    floor: Annotated[float, Field(ge=0, lt=1, description="lowest factor, which all drops together reach")] = 0.001,
) -> Schedule:
    """A constant rate that drops whenever the validation loss stops falling; needs validation images.

    Any lower loss counts, and the drop comes after exactly `patience` epochs without one, as in Keras; torch's
    ReduceLROnPlateau waits for one epoch more and asks for a relative improvement of 1e-4.
    """
    return Schedule(lambda progress: 1.0, plateau=Plateau(factor, patience, floor))


class Scheduler(LambdaLR):
    """Applies a schedule to an optimizer, step by step; momentum moves only where the optimizer has any.

    From the progress `hold` on, the rate stays where it is. Optimizers that take turns all follow the one curve, each from
    its own peak rate.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int, *, hold: float = 1.0) -> None:
        last = max(1, steps - 1)
        self._schedule = schedule
        self._last, self._steps, self._hold = last, steps, hold
        self.drop, self.lowest, self.waited = 1.0, math.inf, 0
        super().__init__(optimizer, lambda step: self.drop * schedule.rate(min(hold, step / last)))

    def get_lr(self) -> list[float | torch.Tensor]:
        if isinstance(self.optimizer, Switched):
            self.optimizer.advance(self.last_epoch / self._steps)
        if self._schedule.momentum is not None:
            for group in self.optimizer.param_groups:
                _set_momentum(group, self._schedule.momentum(min(self._hold, self.last_epoch / self._last)))
        return super().get_lr()

    def epoch_ended(self, val_loss: float | None) -> None:
        """Lower the rate if the schedule waits for the validation loss, and that has not fallen for long enough."""
        plateau = self._schedule.plateau
        if plateau is None or val_loss is None:
            return
        self.waited = 0 if val_loss < self.lowest else self.waited + 1
        self.lowest = min(self.lowest, val_loss)
        if self.waited == plateau.patience:
            self.waited, self.drop = 0, max(plateau.floor, self.drop * plateau.factor)
            for group, peak, factor in zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True):
                group["lr"] = peak * factor(self.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in super().state_dict().items() if key != "_schedule"}


def _set_momentum(group: dict[str, Any], value: float) -> None:
    if group.get("momentum"):
        group["momentum"] = value
    elif group.get("betas", (0,))[0]:
        group["betas"] = (value, *group["betas"][1:])


def _warmed(warmup: float, start: float, fall: Curve) -> Schedule:
    """Rise linearly, then follow `fall`, a function of the share of the rest of the run that is over."""

    def rate(progress: float) -> float:
        if progress < warmup:
            return start + (1 - start) * progress / warmup
        return fall((progress - warmup) / max(1e-12, 1 - warmup))

    return Schedule(rate)


def _rise(share: float) -> float:
    return (1 - math.cos(math.pi * min(1.0, share))) / 2


def _fall(progress: float, warmup: float) -> float:
    return _rise((progress - warmup) / max(1e-12, 1 - warmup))
