"""Warp a batch, each image by its own affine map.

Coordinates are relative to the image's center, x to the right and y down. A map takes a pixel of the result to its source.
`nearest` is the default for small images: with linear interpolation, blurred training images meet sharp test images.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from darkroom.augment.batch.drawing import blank, channels_last, pixels, put, take, together
from darkroom.augment.options import SMALL

TALLEST, CHANNELS = 2**15 - 1, 4
"""Limits of OpenCV: its integer coordinates, and the channels of its border color."""

SHARED = 2**14
"""Number of pixels above which OpenCV splits an image among threads."""

BORDERS = {"constant": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}


def sources(
    *,
    rotate: Tensor,
    scale: Tensor,
    shear_x: Tensor,
    shear_y: Tensor,
    shift_x: Tensor,
    shift_y: Tensor,
    center_x: Tensor | float = 0.0,
    center_y: Tensor | float = 0.0,
) -> Tensor:
    """Return the inverse maps (B, 2, 3) of shear, scale and rotation about the center, then shift; each amount is (B,).

    Angles are in radians, rotations clockwise; shifts are in pixels. The order is torchvision's.
    """
    turn, lean = rotate.double(), shear_y.double()
    slant, cos_lean, zoom = torch.tan(shear_x.double()), torch.cos(lean), scale.double()
    a, c = torch.cos(turn - lean) / cos_lean, torch.sin(turn - lean) / cos_lean
    b, d = -(a * slant + torch.sin(turn)), torch.cos(turn) - c * slant
    a, b, c, d = d / zoom, -b / zoom, -c / zoom, a / zoom  # the inverse: without the scale, the determinant is 1
    x, y = center_x + shift_x.double(), center_y + shift_y.double()
    rows = [a, b, center_x - a * x - b * y, c, d, center_y - c * x - d * y]
    return torch.stack(rows, dim=1).view(-1, 2, 3).float()


def by_size(interpolation: str, size: tuple[int, int]) -> str:
    """Return the interpolation for images of this size (height, width): `auto` is nearest for small images, else linear."""
    if interpolation != "auto":
        return interpolation
    return "nearest" if min(size) < SMALL else "linear"


@dataclass(frozen=True)
class Move:
    """A warp of the chosen images (B,) of a batch, each by its map (B, 2, 3).

    `fill` is the border mode, or None if no pixel comes from outside, as with flips. A flip and an adjacent move thus
    combine into one, with the same pixels as in sequence.
    """

    chosen: Tensor
    maps: Tensor
    fill: str | None
    interpolation: str = "nearest"

    def then(self, later: Move) -> Move | None:
        """Combine this move with a later one; None if that would change the result."""
        if self.fill is not None and later.fill is not None:
            return None
        first, second = (
            torch.where(move.chosen[:, None, None], move.maps.double(), torch.eye(2, 3, dtype=torch.float64))
            for move in (self, later)
        )
        maps = first[:, :, :2] @ second
        maps[:, :, 2] += first[:, :, 2]
        other = later if self.fill is None else self
        return Move(self.chosen | later.chosen, maps, other.fill, other.interpolation)

    def apply(self, images: Tensor) -> Tensor:
        """Return the warped images (B, C, H, W)."""
        images, fill = channels_last(images), self.fill or "edge"
        if self.chosen.all():
            return warp(images, self.maps, fill, self.interpolation)
        rows = self.chosen.nonzero()[:, 0]
        if not len(rows):
            return images
        made = images.clone()
        if self.interpolation == "nearest" and by_opencv(images):
            nearest_pixels(take(images, rows), self.maps[rows], fill, made, rows)
        else:
            here = rows.to(images.device)
            put(made, here, warp(take(images, here), self.maps[rows], fill, self.interpolation))
        return made


class Mover(ABC):
    """A batch transform that moves pixels; the pipeline combines adjacent moves where it can."""

    @abstractmethod
    def move(self, strength: Tensor, size: tuple[int, int], draws: torch.Generator) -> Move:
        """Draw the move for images of size (H, W), each with its strength (B,)."""

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        height, width = images.shape[-2:]
        return self.move(strength, (height, width), draws).apply(images), targets


def warp(images: Tensor, maps: Tensor, fill: str, interpolation: str) -> Tensor:
    """Warp images (B, C, H, W) on any device by maps (B, 2, 3) on the CPU.

    `fill` is the border mode: `constant` (black), `edge` or `reflect`; `interpolation` is `nearest` or `linear`.
    """
    images = channels_last(images)
    made = blank(images)
    if interpolation == "nearest" and by_opencv(images):
        nearest_pixels(images, maps, fill, made, torch.arange(len(images)))
        return made
    x, y = axes(images)
    middle = torch.stack([-x[0], -y[0]])
    mirrors = _mirrors(maps, middle.cpu()) if fill == "reflect" else 0
    here = maps.float().to(images.device)
    across, down = here[:, :, 0, None] * x, torch.addcmul(here[:, :, 2, None], here[:, :, 1, None], y)
    across += middle[:, None]
    step = together(images)
    for first in range(0, len(images), step):
        some = slice(first, first + step)
        places = across[some, :, None, :] + down[some, :, :, None]
        resample(images[some], places, fill, interpolation, mirrors=mirrors, out=made[some])
    return made


def by_opencv(images: Tensor) -> bool:
    """Return whether to use OpenCV for nearest-neighbor sampling: the fastest option on a CPU."""
    return images.device.type == "cpu" and max(images.shape[-2:]) < TALLEST and images.shape[1] <= CHANNELS


def nearest_pixels(images: Tensor, maps: Tensor, fill: str, out: Tensor, rows: Tensor) -> None:
    """Warp images (R, C, H, W) on a CPU by maps (R, 2, 3) into these rows (R,) of `out`."""
    height, width = images.shape[-2:]
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    full = maps.to(torch.float64, copy=True)
    full[:, :, 2] += middle - full[:, :, :2] @ middle
    source, target, how = _pictures(images), _pictures(out), cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    with _threads(height * width):
        for image, matrix, row in zip(source, full.numpy(), rows.tolist(), strict=True):
            cv2.warpAffine(image, matrix, (width, height), target[row], how, BORDERS[fill])


@contextmanager
def _threads(area: int) -> Iterator[None]:
    """Limit OpenCV to one thread for small images, where splitting takes longer than the work itself."""
    before = cv2.getNumThreads()
    if area < SHARED:
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return column (W,) and row (H,) coordinates in pixels from the center."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device, dtype=torch.float32) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=torch.float32) - (height - 1) / 2
    return x, y


def _mirrors(maps: Tensor, middle: Tensor) -> int:
    """Return how often coordinates must be reflected at both borders until the farthest lies inside its image."""
    if not len(maps):
        return 0
    reach = (maps.abs() * torch.tensor([float(middle[0]), float(middle[1]), 1.0])).sum(2)
    farthest = (reach / middle.clamp(min=0.5)).max()
    return math.ceil((float(farthest) - 1) / 2)


def resample(
    images: Tensor, places: Tensor, fill: str, interpolation: str, *, mirrors: int = 2, out: Tensor | None = None
) -> Tensor:
    """Sample images (B, C, H, W) at `places` (B, 2, H, W): x and y in pixels from the first pixel.

    Overwrites `places`; writes to `out`, channels last, if given. `reflect` mirrors places at both borders `mirrors` times,
    once for each image length they may lie outside. Gathering nearest pixels is several times faster than `grid_sample`.
    """
    height, width = images.shape[-2:]
    made = blank(images) if out is None else out
    if interpolation == "nearest":
        places.round_()
    last = torch.tensor([width - 1.0, height - 1.0], device=images.device)[:, None, None]
    if fill == "reflect":
        for _ in range(mirrors):
            places = torch.sub(_within(places, last).mul_(2), places, out=places)
    if interpolation == "linear":
        grid = (places * (2 / last.clamp(min=1)) - 1).permute(0, 2, 3, 1)
        padding = "zeros" if fill == "constant" else "border"
        return made.copy_(
            functional.grid_sample(images, grid, mode="bilinear", padding_mode=padding, align_corners=True)
        )
    pick = one_by_one if by_opencv(images) else by_number
    return pick(images, places, fill == "constant", made)


def one_by_one(images: Tensor, places: Tensor, black: bool, out: Tensor) -> Tensor:
    """Gather nearest pixels on a CPU at integer places; outside the image is black, or else the nearest border pixel."""
    border, area = cv2.BORDER_CONSTANT if black else cv2.BORDER_REPLICATE, images.shape[-1] * images.shape[-2]
    with _threads(area):
        for image, made, (x, y) in zip(_pictures(images), _pictures(out), places.numpy(), strict=True):
            cv2.remap(image, x, y, cv2.INTER_NEAREST, made, border)
    return out


def _pictures(images: Tensor) -> NDArray[np.float32]:
    """Return a NumPy view of the same memory, channels last, with strides that OpenCV accepts even for sides of length 1."""
    whole = pixels(images)
    return whole.view(-1).numpy().reshape(whole.shape)


def by_number(images: Tensor, places: Tensor, black: bool, out: Tensor) -> Tensor:
    """Like `one_by_one` on any device, by flat indices over all images."""
    count, channels, height, width = images.shape
    x, y = places[:, 0].clamp(0, width - 1), places[:, 1].clamp(0, height - 1)
    number = torch.add(x, y, alpha=width).int()
    number += torch.arange(0, count * height * width, height * width, dtype=torch.int32, device=x.device)[:, None, None]
    table = pixels(images).reshape(-1, channels)
    if black:  # one extra black pixel stands for everything outside
        table = torch.cat([table, table.new_zeros(1, channels)])
        number.masked_fill_((x != places[:, 0]) | (y != places[:, 1]), len(table) - 1)
    torch.index_select(table, 0, number.view(-1), out=pixels(out).view(-1, channels))
    return out


def _within(places: Tensor, last: Tensor) -> Tensor:
    """Clamp places (B, 2, H, W) to the image."""
    inside = torch.empty_like(places)
    for axis, most in enumerate(last.flatten().tolist()):
        torch.clamp(places[:, axis], 0, most, out=inside[:, axis])
    return inside


def smoothing(sigma: Tensor, length: int) -> Tensor:
    """Return Gaussian weights (B, length, length) with sigma (B,) > 0 in pixels: row i gives pixel i of a side.

    Near the border, the weights inside the image are normalized to sum to one. Smoothing as a matrix product allows a
    different sigma per image.
    """
    place = torch.arange(length, device=sigma.device, dtype=torch.float32)
    far = (place[:, None] - place)[None] / sigma[:, None, None]
    return torch.softmax(-far.square() / 2, dim=-1)
