"""Move the pixels of a whole batch at once, each image by a map of its own.

Coordinates are from the middle of the image, x to the right and y down. A map says where each pixel of the result comes
from. On small images `nearest` is the default everywhere: softened training images meet sharp test images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


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


def warp(images: Tensor, maps: Tensor, fill: str, interpolation: str) -> Tensor:
    """Move the pixels of images (B, C, H, W), on any device, by maps (B, 2, 3) on the processor.

    `fill` is what comes in from outside: `constant` black, `edge` or `reflect`; `interpolation` is `nearest` or `linear`.
    """
    x, y = axes(images)
    middle = torch.stack([-x[0], -y[0]])
    reach = (maps.abs() * torch.tensor([float(middle[0]), float(middle[1]), 1.0])).sum(2)
    farthest = (reach / middle.cpu().clamp(min=0.5)).max() if len(maps) else torch.ones(())
    here = maps.to(images.device)
    across, down = here[:, :, 0, None] * x, torch.addcmul(here[:, :, 2, None], here[:, :, 1, None], y)
    across += middle[:, None]
    places = across[:, :, None, :] + down[:, :, :, None]
    mirrors = math.ceil((float(farthest) - 1) / 2)
    return resample(images, places, fill, interpolation, mirrors=mirrors)


def axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (W,) and the rows (H,) of images, in pixels from the middle."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device, dtype=torch.float32) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=torch.float32) - (height - 1) / 2
    return x, y


def resample(images: Tensor, places: Tensor, fill: str, interpolation: str, *, mirrors: int = 2) -> Tensor:
    """The images (B, C, H, W) with each pixel taken from its place (B, 2, H, W): x and y in pixels from the first one.

    `places` is used up. Reflection mirrors places at both borders, `mirrors` times; it takes one for each side that they
    may lie outside. Nearest pixels are picked by number, which is several times faster than `grid_sample`.
    """
    count, channels, height, width = images.shape
    if interpolation == "nearest":
        places.round_()
    last = torch.tensor([width - 1.0, height - 1.0], device=images.device)[:, None, None]
    if fill == "reflect":
        for _ in range(mirrors):
            places = torch.sub(_within(places, last).mul_(2), places, out=places)
    if interpolation == "linear":
        grid = (places * (2 / last.clamp(min=1)) - 1).permute(0, 2, 3, 1)
        padding = "zeros" if fill == "constant" else "border"
        return functional.grid_sample(images, grid, mode="bilinear", padding_mode=padding, align_corners=True)
    inside = _within(places, last)
    number = torch.add(inside[:, 0], inside[:, 1], alpha=width).int()
    number += torch.arange(count, dtype=torch.int32, device=images.device)[:, None, None] * (height * width)
    table = images.permute(0, 2, 3, 1).reshape(-1, channels)
    if fill == "constant":  # one black pixel more, for all that lies outside
        table = torch.cat([table, table.new_zeros(1, channels)])
        outside = inside != places
        number.masked_fill_(outside[:, 0] | outside[:, 1], len(table) - 1)
    if channels == 1:
        table = table[:, 0]
    return table.index_select(0, number.view(-1)).view(count, height, width, channels).permute(0, 3, 1, 2)


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
