"""Mirror, rotate, shift, scale and slant. See `warp` for what moves the pixels."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.drawing import amount, coins, either_way
from darkroom.augment.batch.warp import Move, Mover, sources
from darkroom.augment.options import SMALL, Amount, AutoInterpolation, Chance, Fill
from darkroom.registry import register
from darkroom.settings import Probability


@register("batch transform", "hflip")
class HorizontalFlip(Mover):
    """Mirror left and right."""

    def __init__(
        self, *, p: Annotated[Probability, Field(description="how often it is applied"), Amount("hflip")] = 0.5
    ) -> None:
        self.p = p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return mirrored(coins(self.p * strength, len(strength), draws), -1.0, 1.0)


@register("batch transform", "vflip")
class VerticalFlip(Mover):
    """Mirror top and bottom."""

    def __init__(
        self, *, p: Annotated[Probability, Field(description="how often it is applied"), Amount("vflip")] = 0.5
    ) -> None:
        self.p = p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return mirrored(coins(self.p * strength, len(strength), draws), 1.0, -1.0)


def mirrored(chosen: Tensor, x: float, y: float) -> Move:
    """Multiply the coordinates of the chosen images' pixels, from the middle, by -1 or 1."""
    return Move(chosen, torch.tensor([[x, 0.0, 0.0], [0.0, y, 0.0]]).expand(len(chosen), 2, 3), None)


@register("batch transform", "affine")
class Affine(Mover):
    """Rotate, shift, scale and slant at once, each by a random amount."""

    def __init__(
        self,
        *,
        rotate: Annotated[
            float, Field(ge=0, le=180, description="largest angle in degrees, either way"), Amount("rotate")
        ] = 15.0,
        translate: Annotated[
            float, Field(ge=0, lt=1, description="largest shift along each side, as a share of it"), Amount("translate")
        ] = 0.1,
        scale: Annotated[
            float,
            Field(ge=0, lt=1, description="largest change of size: 0.1 draws factors from 0.9 to 1.1"),
            Amount("scale"),
        ] = 0.1,
        shear: Annotated[
            float, Field(ge=0, le=60, description="largest slant in degrees, either way"), Amount("shear")
        ] = 5.0,
        fill: Fill = "reflect",
        interpolation: AutoInterpolation = "auto",
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
        interpolation = self.interpolation
        if interpolation == "auto":
            interpolation = "nearest" if min(size) < SMALL else "linear"
        return Move(chosen, maps, self.fill, interpolation)


@register("batch transform", "rotate")
class Rotate(Mover):
    """Rotate about the center by a random angle."""

    def __init__(
        self,
        *,
        degrees: Annotated[
            float, Field(gt=0, le=180, description="largest angle, either way"), Amount("rotate")
        ] = 15.0,
        fill: Fill = "reflect",
        interpolation: AutoInterpolation = "auto",
        p: Chance = 1.0,
    ) -> None:
        self._affine = Affine(
            rotate=degrees, translate=0, scale=0, shear=0, fill=fill, interpolation=interpolation, p=p
        )

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        return self._affine.move(strength, size, draws)
