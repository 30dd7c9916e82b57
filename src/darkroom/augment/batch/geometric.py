"""Crops, perspective and elastic transforms; `warp` resamples the pixels."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.drawing import amount, between, change, coins, either_way
from darkroom.augment.batch.warp import Move, Mover, by_size, resample, smoothing
from darkroom.augment.options import (
    Amount,
    Chance,
    CropArea,
    CropRatio,
    ElasticShift,
    ElasticSigma,
    Fill,
    Interpolation,
    PerspectiveScale,
)
from darkroom.registry import register


@register("batch transform", "crop")
class Crop(Mover):
    """Cut out a random part and resize it to the full size."""

    def __init__(
        self,
        *,
        area: CropArea = 0.7,
        area_max: Annotated[float, Field(gt=0, le=1, description="maximum fraction of the image's area to keep")] = 1.0,
        ratio: CropRatio = 1.2,
        interpolation: Interpolation = "auto",
        p: Chance = 1.0,
    ) -> None:
        self.area, self.area_max, self.ratio = area, area_max, ratio
        self.interpolation, self.p = interpolation, p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        count, (height, width) = len(strength), size
        chosen = coins(self.p, count, draws) & (strength > 0)
        low, high = (amount(share, strength, neutral=1.0, low=0.01) for share in (self.area, self.area_max))
        area = between(torch.minimum(low, high), high, count, draws)
        most = torch.minimum(-area.log(), torch.tensor(math.log(self.ratio)))  # neither side may exceed the image's
        ratio = either_way(most, draws).exp()
        across, down = (area * ratio).sqrt(), (area / ratio).sqrt()
        zero = torch.zeros(count)
        x = either_way((1 - across).clamp(min=0) / 2 * width, draws)
        y = either_way((1 - down).clamp(min=0) / 2 * height, draws)
        maps = torch.stack([across, zero, x, zero, down, y], dim=1).view(-1, 2, 3)
        return Move(chosen, maps, "edge", by_size(self.interpolation, size))


@register("batch transform", "pad_crop")
class PadCrop(Mover):
    """Pad all sides and crop the original size at random, as usual for CIFAR: a shift by whole pixels."""

    def __init__(
        self,
        *,
        pixels: Annotated[
            int, Field(ge=1, le=64, description="padding, and so the maximum shift"), Amount("pad_crop")
        ] = 4,
        fill: Annotated[
            Literal["constant", "reflect", "edge"],
            Field(description="padding: black, the mirrored image, or the edge repeated"),
        ] = "constant",
        p: Chance = 1.0,
    ) -> None:
        self.pixels, self.fill, self.p = pixels, fill, p

    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        chosen = coins(self.p, len(strength), draws) & (strength > 0)
        most = amount(self.pixels, strength, high=64).round()
        x, y = ((torch.rand(len(strength), generator=draws) * (2 * most + 1)).floor() - most for _ in range(2))
        zero, one = torch.zeros(len(strength)), torch.ones(len(strength))
        maps = torch.stack([one, zero, x, zero, one, y], dim=1).view(-1, 2, 3)
        return Move(chosen, maps, self.fill)


@register("batch transform", "perspective")
class Perspective:
    """Change the perspective: each corner moves in by a random amount."""

    def __init__(
        self,
        *,
        scale: PerspectiveScale = 0.1,
        interpolation: Interpolation = "auto",
        p: Chance = 0.5,
    ) -> None:
        self.scale, self.interpolation, self.p = scale, interpolation, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        most = amount(self.scale, strength, high=0.49)
        moved = torch.rand(len(images), 4, 2, generator=draws) * most[:, None, None]
        corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        maps = homography(corners + moved * (1 - 2 * corners))
        return change(images, chosen, self._slanted, maps), targets

    def _slanted(self, images: Tensor, maps: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        u = torch.linspace(0, 1, width, device=images.device)[None, None, :]
        v = torch.linspace(0, 1, height, device=images.device)[None, :, None]
        a, b, c, d, e, f, g, h = maps[:, :, None, None].unbind(1)
        depth = g * u + h * v + 1
        x, y = (a * u + b * v + c) * (width - 1) / depth, (d * u + e * v + f) * (height - 1) / depth
        return resample(images, torch.stack([x, y], dim=1), "edge", by_size(self.interpolation, (height, width)))


def homography(corners: Tensor) -> Tensor:
    """Return homographies (B, 8) from the unit square to corners (B, 4, 2), in order around the square from the origin.

    (u, v) maps to ((a u + b v + c) / (g u + h v + 1), (d u + e v + f) / (g u + h v + 1)). See Heckbert 1989.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (corner.unbind(-1) for corner in corners.double().unbind(1))
    right, below, skew = (x1 - x2, y1 - y2), (x3 - x2, y3 - y2), (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3)
    area = right[0] * below[1] - below[0] * right[1]
    g, h = (skew[0] * below[1] - below[0] * skew[1]) / area, (right[0] * skew[1] - skew[0] * right[1]) / area
    first, second = (x1 - x0 + g * x1, x3 - x0 + h * x3, x0), (y1 - y0 + g * y1, y3 - y0 + h * y3, y0)
    return torch.stack([*first, *second, g, h], dim=1).float()


@register("batch transform", "elastic")
class Elastic:
    """Displace pixels along a smooth random field (Simard et al. 2003)."""

    def __init__(
        self,
        *,
        displacement: ElasticShift = 0.03,
        sigma: ElasticSigma = 0.14,
        fill: Fill = "reflect",
        interpolation: Interpolation = "auto",
        p: Chance = 0.5,
    ) -> None:
        self.displacement, self.sigma = displacement, sigma
        self.fill, self.interpolation, self.p = fill, interpolation, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        height, width = images.shape[-2:]
        drawn = coins(self.p, len(images), draws)
        noise = torch.randn(int(drawn.sum()), 2, height, width, generator=draws).to(images.device)
        width_of = torch.tensor([self.sigma * min(height, width)], device=images.device)
        # rows of norm 1 keep the noise's standard deviation of 1
        down, across = (torch.nn.functional.normalize(smoothing(width_of, side)[0]) for side in (height, width))

        def bend(part: Tensor, reach: Tensor, own: Tensor) -> Tensor:
            places = (down @ noise[own] @ across.T) * reach[:, None, None, None]
            places[:, 0] += torch.arange(width, device=part.device)
            places[:, 1] += torch.arange(height, device=part.device)[:, None]
            return resample(part, places, self.fill, by_size(self.interpolation, (height, width)))

        reach = amount(self.displacement, strength, high=0.5) * min(height, width)
        return change(images, drawn & (strength > 0), bend, reach, drawn.cumsum(0) - 1), targets
