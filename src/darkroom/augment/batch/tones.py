"""Tone transforms: grayscale, solarize, posterize and equalize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from darkroom.augment.batch import operations
from darkroom.augment.batch.drawing import amount, between, change, coins
from darkroom.augment.options import Amount, Chance, PosterizeBits, SolarizeThreshold
from darkroom.registry import register


class Sometimes:
    """Apply an operation without a magnitude to each image, with probability `p` times its strength."""

    def __init__(self, operation: Callable[[Tensor], Tensor], p: float) -> None:
        self.operation, self.p = operation, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p * strength, len(images), draws)
        return change(images, chosen, self.operation), targets


@register("batch transform", "grayscale")
def grayscale(*, p: Annotated[Chance, Amount("grayscale")] = 0.2) -> Sometimes:
    """Convert to gray, keeping the number of channels."""
    return Sometimes(operations.grayscale, p)


@register("batch transform", "solarize")
class Solarize:
    """Invert the brightest pixels."""

    def __init__(
        self,
        *,
        threshold: SolarizeThreshold = 0.5,
        p: Chance = 0.2,
    ) -> None:
        self.threshold, self.p = threshold, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        threshold = between(amount(self.threshold, strength, neutral=1.0), 1.0, len(images), draws)
        return change(images, chosen, operations.solarize, threshold), targets


@register("batch transform", "posterize")
class Posterize:
    """Keep only the upper bits of each pixel."""

    def __init__(
        self,
        *,
        bits: PosterizeBits = 4,
        p: Chance = 0.2,
    ) -> None:
        self.bits, self.p = bits, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        drawn = coins(self.p, len(images), draws)
        most = 8 - amount(self.bits, strength, neutral=8.0, low=1.0, high=8.0).round()
        taken = (torch.rand(len(images), generator=draws) * most).floor() + 1
        return change(images, drawn & (most > 0), operations.posterize, 8 - taken), targets


@register("batch transform", "equalize")
def equalize(*, p: Annotated[Chance, Amount("equalize")] = 0.2) -> Sometimes:
    """Equalize each channel's histogram."""
    return Sometimes(operations.equalize, p)
