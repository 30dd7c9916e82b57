"""Move the pixels of a whole batch at once, each image by a map of its own.

Coordinates are from the middle of the image, x to the right and y down. A map says where each pixel of the result comes
from. On small images `nearest` is the default everywhere: softened training images meet sharp test images.
"""

from __future__ import annotations

import math

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from darkroom.augment.batch.drawing import blank, channels_last, pixels, put, take, together

TALLEST = 2**15 - 1
"""OpenCV's coordinates of whole pixels end here."""


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
    """The maps (B, 2, 3) that undo: shear, scale and turn about the center, then shift; each amount (B,).

    Turns are clockwise and, like shears, in radians; shifts are in pixels. The order is torchvision's.
    """
    turn, lean = rotate.double(), shear_y.double()
    slant, cos_lean, zoom = torch.tan(shear_x.double()), torch.cos(lean), scale.double()
    a, c = torch.cos(turn - lean) / cos_lean, torch.sin(turn - lean) / cos_lean
    b, d = -(a * slant + torch.sin(turn)), torch.cos(turn) - c * slant
    a, b, c, d = d / zoom, -b / zoom, -c / zoom, a / zoom  # its inverse: without the scale it has determinant 1
    x, y = center_x + shift_x.double(), center_y + shift_y.double()
    rows = [a, b, center_x - a * x - b * y, c, d, center_y - c * x - d * y]
    return torch.stack(rows, dim=1).view(-1, 2, 3).float()


def move(images: Tensor, chosen: Tensor, maps: Tensor, fill: str, interpolation: str) -> Tensor:
    """Images (B, C, H, W) of which the chosen ones (B,) are warped, each by its map (B, 2, 3)."""
    images = channels_last(images)
    if chosen.all():
        return warp(images, maps, fill, interpolation)
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return images
    made, here = images.clone(), rows.to(images.device)
    put(made, here, warp(take(images, here), maps[rows], fill, interpolation))
    return made


def warp(images: Tensor, maps: Tensor, fill: str, interpolation: str) -> Tensor:
    """Move the pixels of images (B, C, H, W), on any device, by maps (B, 2, 3) on the processor.

    `fill` is what comes in from outside: `constant` black, `edge` or `reflect`; `interpolation` is `nearest` or `linear`.
    """
    images = channels_last(images)
    x, y = axes(images)
    middle = torch.stack([-x[0], -y[0]])
    mirrors = _mirrors(maps, middle.cpu()) if fill == "reflect" else 0
    here = maps.to(images.device)
    across, down = here[:, :, 0, None] * x, torch.addcmul(here[:, :, 2, None], here[:, :, 1, None], y)
    across += middle[:, None]
    made, step = blank(images), together(images)
    for first in range(0, len(images), step):
        some = slice(first, first + step)
        places = across[some, :, None, :] + down[some, :, :, None]
        resample(images[some], places, fill, interpolation, mirrors=mirrors, out=made[some])
    return made


def axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (W,) and the rows (H,) of images, in pixels from the middle."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device, dtype=torch.float32) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=torch.float32) - (height - 1) / 2
    return x, y


def _mirrors(maps: Tensor, middle: Tensor) -> int:
    """How often places must be mirrored at both borders until the farthest lies on its image."""
    if not len(maps):
        return 0
    reach = (maps.abs() * torch.tensor([float(middle[0]), float(middle[1]), 1.0])).sum(2)
    farthest = (reach / middle.clamp(min=0.5)).max()
    return math.ceil((float(farthest) - 1) / 2)


def resample(
    images: Tensor, places: Tensor, fill: str, interpolation: str, *, mirrors: int = 2, out: Tensor | None = None
) -> Tensor:
    """The images (B, C, H, W) with each pixel taken from its place (B, 2, H, W): x and y in pixels from the first one.

    `places` is used up; the result is written to `out`, channels last, where it is given. Reflection mirrors places at both
    borders, `mirrors` times; it takes one for each side that they may lie outside. Picking nearest pixels is several
    times faster than `grid_sample`.
    """
    count, _, height, width = images.shape
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
    pick = by_stack if images.device.type == "cpu" and max(count * height, width) < TALLEST else by_number
    return pick(images, places, fill == "constant", made)


def by_stack(images: Tensor, places: Tensor, black: bool, out: Tensor) -> Tensor:
    """Nearest pixels on a processor, where OpenCV takes them from all images at once, stacked to one tall picture.

    Places are whole numbers; outside is black, or else the nearest pixel of the border.
    """
    count, channels, height, width = images.shape
    x = places[:, 0].clamp(-1 if black else 0, width if black else width - 1)
    y = places[:, 1].clamp(0, height - 1)
    if black:  # above or below its own image means below the whole stack
        y.add_(torch.ne(y, places[:, 1], out=places[:, 1]), alpha=count * height)
    y += torch.arange(0, count * height, height)[:, None, None]
    tall = (count * height, width)
    shape = tall if channels == 1 else (*tall, channels)
    source, target = (pixels(whole).reshape(shape).numpy() for whole in (images, out))
    cv2.remap(source, x.view(tall).numpy(), y.view(tall).numpy(), cv2.INTER_NEAREST, dst=target)
    return out


def by_number(images: Tensor, places: Tensor, black: bool, out: Tensor) -> Tensor:
    """What `by_stack` does, on any device: pixels are numbered through all images."""
    count, channels, height, width = images.shape
    x, y = places[:, 0].clamp(0, width - 1), places[:, 1].clamp(0, height - 1)
    number = torch.add(x, y, alpha=width).int()
    number += torch.arange(0, count * height * width, height * width, dtype=torch.int32, device=x.device)[:, None, None]
    table = pixels(images).reshape(-1, channels)
    if black:  # one black pixel more, for all that lies outside
        table = torch.cat([table, table.new_zeros(1, channels)])
        number.masked_fill_((x != places[:, 0]) | (y != places[:, 1]), len(table) - 1)
    torch.index_select(table, 0, number.view(-1), out=pixels(out).view(-1, channels))
    return out


def _within(places: Tensor, last: Tensor) -> Tensor:
    """The nearest places (B, 2, H, W) on the image."""
    inside = torch.empty_like(places)
    for axis, most in enumerate(last.flatten().tolist()):
        torch.clamp(places[:, axis], 0, most, out=inside[:, axis])
    return inside


def smoothing(sigma: Tensor, length: int) -> Tensor:
    """Gaussian weights (B, length, length) of width sigma (B,), above 0, in pixels: row i makes pixel i of a side.

    Near the border the weights that fall inside are raised to sum to one. Smooths by a matrix product, so that each
    image can have a width of its own.
    """
    place = torch.arange(length, device=sigma.device, dtype=torch.float32)
    far = (place[:, None] - place)[None] / sigma[:, None, None]
    return torch.softmax(-far.square() / 2, dim=-1)
