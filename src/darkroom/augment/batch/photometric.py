"""Brightness, contrast, saturation, hue and gamma; saturation and hue leave gray images unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from darkroom.augment.batch import operations
from darkroom.augment.batch.drawing import amount, change, coins, either_way
from darkroom.augment.options import Amount, Chance, GammaExponent, HueShift, RelativeChange
from darkroom.registry import register


class Jitter:
    """Change one color property of each image by its own uniform random number, up to `by` either way from `neutral`."""

    def __init__(
        self,
        operation: Callable[[Tensor, Tensor], Tensor],
        by: float,
        p: float,
        *,
        neutral: float = 1.0,
        high: float = 1.0,
    ) -> None:
        self.operation, self.by, self.p, self.neutral, self.high = operation, by, p, neutral, high

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        value = self.neutral + either_way(amount(self.by, strength, high=self.high), draws)
        return change(images, chosen, self.operation, value), targets


@register("batch transform", "brightness")
def brightness(*, by: Annotated[RelativeChange, Amount("brightness")] = 0.2, p: Chance = 0.5) -> Jitter:
    """Brighten or darken."""
    return Jitter(operations.brightness, by, p)


@register("batch transform", "contrast")
def contrast(*, by: Annotated[RelativeChange, Amount("contrast")] = 0.2, p: Chance = 0.5) -> Jitter:
    """Raise or lower the contrast."""
    return Jitter(operations.contrast, by, p)


@register("batch transform", "saturation")
def saturation(*, by: Annotated[RelativeChange, Amount("saturation")] = 0.2, p: Chance = 0.5) -> Jitter:
    """Raise or lower the saturation."""
    return Jitter(operations.saturation, by, p)


@register("batch transform", "hue")
def hue(*, by: HueShift = 0.05, p: Chance = 0.5) -> Jitter:
    """Shift the hue of all colors by a random amount."""
    return Jitter(operations.hue, by, p, neutral=0.0, high=0.5)


@register("batch transform", "gamma")
class Gamma:
    """Raise brightness to a random power: below 1 lightens dark areas, above 1 darkens them."""

    def __init__(
        self,
        *,
        gamma: GammaExponent = 1.3,
        p: Chance = 0.5,
    ) -> None:
        self.gamma, self.p = gamma, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        most = amount(self.gamma, strength, neutral=1.0, low=1.0, high=5.0)
        exponent = either_way(most.log(), draws).exp()
        return change(images, chosen, operations.gamma, exponent), targets
