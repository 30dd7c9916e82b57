"""Move the pixels of a whole batch at once, each image by a map of its own.

Coordinates are from the middle of the image, x to the right and y down. A map says where each pixel of the result comes
from. On small images `nearest` is the default everywhere: softened training images meet sharp test images.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FILLS = {"reflect": "reflection", "constant": "zeros", "edge": "border"}
INTERPOLATIONS = {"nearest": "nearest", "linear": "bilinear"}


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
    """Move the pixels of images (B, C, H, W), on any device, by affine maps (B, 2, 3) in pixels on the processor."""
    height, width = images.shape[-2:]
    edges = torch.tensor([(width - 1) / 2, (height - 1) / 2]).clamp(min=0.5)
    # from here on both sides go from -1 to 1
    maps = maps * torch.cat([edges, torch.ones(1)]) / edges[:, None]
    farthest = float((maps.abs().sum(2)).max()) if fill == "reflect" else 1.0
    x, y = axes(images)
    maps = maps.to(images.device)
    across, down = maps[:, :, 0, None] * x, torch.addcmul(maps[:, :, 2, None], maps[:, :, 1, None], y)
    places = across[:, :, None, :] + down[:, :, :, None]
    while farthest > 1:  # mirroring the places at -1 and 1 is faster than grid_sample's reflection
        places = torch.sub(places.clamp(-1, 1).mul_(2), places, out=places)
        farthest -= 2
    return resample(images, places, "edge" if fill == "reflect" else fill, interpolation)


def axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (W,) and the rows (H,) of images, each from -1 for the first pixel to 1 for the last."""
    height, width = images.shape[-2:]
    return torch.linspace(-1, 1, width, device=images.device), torch.linspace(-1, 1, height, device=images.device)


def resample(images: Tensor, places: Tensor, fill: str, interpolation: str) -> Tensor:
    """The images (B, C, H, W) with each pixel taken from its place (B, 2, H, W): x and y, as in `axes`."""
    return functional.grid_sample(
        images,
        places.permute(0, 2, 3, 1),
        mode=INTERPOLATIONS[interpolation],
        padding_mode=FILLS[fill],
        align_corners=True,
    )


def smoothing(sigma: Tensor, length: int) -> Tensor:
    """Gaussian weights (B, length, length) of width sigma (B,), above 0, in pixels: row i makes pixel i of a side.

    Near the border the weights that fall inside are raised to sum to one. Smooths by a matrix product, so that each
    image can have a width of its own.
    """
    place = torch.arange(length, device=sigma.device, dtype=torch.float32)
    far = (place[:, None] - place)[None] / sigma[:, None, None]
    return torch.softmax(-far.square() / 2, dim=-1)
