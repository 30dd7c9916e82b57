"""Flips, rotations, shifts, scaling and shear; `warp` resamples the pixels."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import amount, coins, either_way
from darkroom.augment.batch.warp import Move, Mover, by_size, sources
from darkroom.augment.options import (
    AffineRotation,
    AffineScale,
    AffineShear,
    AffineShift,
    Amount,
    Angle,
    Chance,
    Fill,
    Interpolation,
)
from darkroom.registry import register


@register("batch transform", "hflip")
class HorizontalFlip(Mover):
    """Flip left and right."""

    def __init__(self, *, p: Annotated[Chance, Amount("hflip")] = 0.5) -> None:
        self.p = p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return mirrored(coins(self.p * strength, len(strength), draws), -1.0, 1.0)


@register("batch transform", "vflip")
class VerticalFlip(Mover):
    """Flip top and bottom."""

    def __init__(self, *, p: Annotated[Chance, Amount("vflip")] = 0.5) -> None:
        self.p = p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return mirrored(coins(self.p * strength, len(strength), draws), 1.0, -1.0)


def mirrored(chosen: Tensor, x: float, y: float) -> Move:
    """Return the move that multiplies the chosen images' coordinates, relative to the center, by -1 or 1."""
    return Move(chosen, torch.tensor([[x, 0.0, 0.0], [0.0, y, 0.0]]).expand(len(chosen), 2, 3), None)


@register("batch transform", "affine")
class Affine(Mover):
    """Rotate, shift, scale and shear in one step, each by a random amount."""

    def __init__(
        self,
        *,
        rotate: AffineRotation = 15.0,
        translate: AffineShift = 0.1,
        scale: AffineScale = 0.1,
        shear: AffineShear = 5.0,
        fill: Fill = "reflect",
        interpolation: Interpolation = "auto",
        p: Chance = 1.0,
    ) -> None:
        self.rotate, self.translate, self.scale, self.shear = rotate, translate, scale, shear
        self.fill, self.interpolation, self.p = fill, interpolation, p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        height, width = size
        chosen = coins(self.p, len(strength), draws) & (strength > 0)
        shift = amount(self.translate, strength, high=0.99)
        maps = sources(
            rotate=either_way(amount(self.rotate, strength, high=180) * (math.pi / 180), draws),
            scale=1 + either_way(amount(self.scale, strength, high=0.99), draws),
            shear_x=either_way(amount(self.shear, strength, high=60) * (math.pi / 180), draws),
            shear_y=torch.zeros(len(strength)),
            shift_x=either_way(shift * width, draws),
            shift_y=either_way(shift * height, draws),
        )
        return Move(chosen, maps, self.fill, by_size(self.interpolation, size))


@register("batch transform", "rotate")
class Rotate(Mover):
    """Rotate about the center by a random angle."""

    def __init__(
        self,
        *,
        degrees: Angle = 15.0,
        fill: Fill = "reflect",
        interpolation: Interpolation = "auto",
        p: Chance = 1.0,
    ) -> None:
        self._affine = Affine(
            rotate=degrees, translate=0, scale=0, shear=0, fill=fill, interpolation=interpolation, p=p
        )

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return self._affine.move(strength, size, draws)
