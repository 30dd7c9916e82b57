"""Occlusion: hide part of each image, so that a network cannot rely on a single part."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import amount, between, change, coins, either_way
from darkroom.augment.batch.mixing import boxes
from darkroom.augment.occlusion import limit
from darkroom.augment.options import Chance, ErasedArea, ErasedRatio, GridCell, GridRatio, Holes, HoleSize, HoleValue
from darkroom.registry import register


@register("batch transform", "cutout")
class Cutout:
    """Blank out random squares (DeVries & Taylor 2017, arXiv 1708.04552).

    As in the paper, squares are centered anywhere in the image and clipped at its border. Their side is fixed in the paper;
    here it is random, from half the maximum.
    """

    def __init__(
        self,
        *,
        holes: Holes = 1,
        size: HoleSize = 0.3,
        value: HoleValue = 0,
        p: Chance = 0.5,
    ) -> None:
        self.holes, self.size, self.value, self.p = holes, size, value / 255, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, (height, width) = len(images), images.shape[-2:]
        chosen = coins(self.p, count, draws) & (strength > 0)
        largest = amount(self.size, strength, high=limit("cutout", self.size, self.holes))
        number = torch.randint(1, self.holes + 1, (count,), generator=draws)
        sides = [between(largest / 2, largest, count, draws) * min(height, width) for _ in range(self.holes)]
        edges = [(*centered(side, height, draws), *centered(side, width, draws)) for side in sides]

        def blank(part: Tensor, number: Tensor, *corners: Tensor) -> Tensor:
            hidden = torch.zeros(len(part), height, width, dtype=torch.bool, device=part.device)
            for hole in range(self.holes):
                inside = boxes(height, width, *corners[4 * hole : 4 * hole + 4])
                hidden |= inside & (number > hole)[:, None, None]
            return part.masked_fill(hidden[:, None], self.value)

        return change(images, chosen, blank, number, *(edge for hole in edges for edge in hole)), targets


@register("batch transform", "random_erasing")
class RandomErasing:
    """Replace a random rectangle with random pixels (Zhong et al. 2017, arXiv 1708.04896)."""

    def __init__(
        self,
        *,
        area: ErasedArea = 0.33,
        ratio: ErasedRatio = 3.3,
        p: Chance = 0.5,
    ) -> None:
        self.area, self.ratio, self.p = area, ratio, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, channels, height, width = images.shape
        drawn = coins(self.p, count, draws)
        largest = amount(self.area, strength, high=limit("random_erasing", self.area)).clamp(min=1e-6)
        area = between(largest / 16, largest, count, draws)
        ratio = either_way(torch.minimum(-area.log(), torch.tensor(math.log(self.ratio))), draws).exp()
        corners = (*stretch((area * ratio).sqrt(), height, draws), *stretch((area / ratio).sqrt(), width, draws))
        noise = torch.rand(int(drawn.sum()), height, width, channels, generator=draws).to(images)

        def erase(part: Tensor, own: Tensor, *corners: Tensor) -> Tensor:
            return torch.where(boxes(height, width, *corners)[:, None], noise[own].permute(0, 3, 1, 2), part)

        return change(images, drawn & (strength > 0), erase, drawn.cumsum(0) - 1, *corners), targets


@register("batch transform", "grid_dropout")
class GridDropout:
    """Blank out a square in each cell of a randomly sized and placed grid (Chen et al. 2020, arXiv 2001.04086)."""

    def __init__(
        self,
        *,
        ratio: GridRatio = 0.5,
        cell: GridCell = 0.5,
        p: Chance = 0.5,
    ) -> None:
        self.ratio, self.cell, self.p = ratio, cell, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, (height, width) = len(images), images.shape[-2:]
        chosen = coins(self.p, count, draws) & (strength > 0)
        largest = self.cell * min(height, width)
        cell = between(largest / 2, largest, count, draws).round().clamp(min=2)
        ratio = amount(self.ratio, strength, high=limit("grid_dropout", self.ratio))
        hole = (cell * ratio).round().minimum(cell - 1)
        x, y = ((torch.rand(count, generator=draws) * cell).floor() for _ in range(2))

        def blank(part: Tensor, cell: Tensor, hole: Tensor, x: Tensor, y: Tensor) -> Tensor:
            rows, columns = (
                (torch.arange(side, device=part.device) + start[:, None]) % cell[:, None] < hole[:, None]
                for side, start in ((height, y), (width, x))
            )
            return part.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)

        return change(images, chosen, blank, cell, hole, x, y), targets


def centered(side: Tensor, length: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw first and end pixels (B,), end exclusive, of intervals of `side` pixels centered anywhere in `length`; not clipped."""
    pixels = side.round().clamp(min=1)
    first = (torch.rand(len(side), generator=draws) * length - pixels / 2).round()
    return first, first + pixels


def stretch(share: Tensor, length: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw first and end pixels (B,), end exclusive, of intervals that cover these fractions of a length, inside it."""
    pixels = (share * length).round().clamp(max=length)
    first = (torch.rand(len(share), generator=draws) * (length - pixels + 1)).floor()
    return first, first + pixels
