"""Brightness, contrast, saturation, hue and gamma; saturation and hue leave gray images unchanged."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from darkroom.augment.batch import operations
from darkroom.augment.batch.drawing import amount, change, coins, either_way
from darkroom.augment.options import Amount, Chance, GammaExponent, HueShift, RelativeChange
from darkroom.registry import register


@register("batch transform", "brightness")
class Brightness:
    """Brighten or darken."""

    def __init__(
        self,
        *,
        by: Annotated[RelativeChange, Amount("brightness")] = 0.2,
        p: Chance = 0.5,
    ) -> None:
        self.by, self.p = by, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        factor = 1 + either_way(amount(self.by, strength), draws)
        return change(images, chosen, operations.brightness, factor), targets


@register("batch transform", "contrast")
class Contrast:
    """Raise or lower the contrast."""

    def __init__(
        self,
        *,
        by: Annotated[RelativeChange, Amount("contrast")] = 0.2,
        p: Chance = 0.5,
    ) -> None:
        self.by, self.p = by, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        factor = 1 + either_way(amount(self.by, strength), draws)
        return change(images, chosen, operations.contrast, factor), targets


@register("batch transform", "saturation")
class Saturation:
    """Raise or lower the saturation."""

    def __init__(
        self,
        *,
        by: Annotated[RelativeChange, Amount("saturation")] = 0.2,
        p: Chance = 0.5,
    ) -> None:
        self.by, self.p = by, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        factor = 1 + either_way(amount(self.by, strength), draws)
        return change(images, chosen, operations.saturation, factor), targets


@register("batch transform", "hue")
class Hue:
    """Shift the hue of all colors by a random amount."""

    def __init__(
        self,
        *,
        by: HueShift = 0.05,
        p: Chance = 0.5,
    ) -> None:
        self.by, self.p = by, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        turn = either_way(amount(self.by, strength, high=0.5), draws)
        return change(images, chosen, operations.hue, turn), targets


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
