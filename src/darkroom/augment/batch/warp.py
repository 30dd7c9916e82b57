"""Move the pixels of a whole batch at once, each image by a map of its own.

Coordinates are in pixels from the middle of the image, x to the right and y down. A map says where each pixel of the
result comes from. On small images `nearest` is the default everywhere: softened training images meet sharp test images.
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
    center: tuple[float, float] = (0.0, 0.0),
) -> Tensor:
    """The maps (B, 2, 3) that undo: shear, scale and turn about `center` (x, y), then shift; each amount (B,).

    Turns are clockwise and, like shears, in radians; shifts are in pixels. The order is torchvision's.
    """
    turn, slant = rotate.double(), torch.tan(shear_x.double())
    lean = shear_y.double()
    a, c = torch.cos(turn - lean) / torch.cos(lean), torch.sin(turn - lean) / torch.cos(lean)
    b, d = -a * slant - torch.sin(turn), -c * slant + torch.cos(turn)
    inverse = torch.stack([d, -b, -c, a], dim=1).view(-1, 2, 2) / scale.double()[:, None, None]
    middle = torch.tensor(center, dtype=torch.float64)
    moved = middle + torch.stack([shift_x, shift_y], dim=1).double()
    return torch.cat([inverse, (middle - (inverse @ moved[..., None])[..., 0])[..., None]], dim=2).float()


def warp(images: Tensor, maps: Tensor, fill: str, interpolation: str) -> Tensor:
    """Move the pixels of images (B, C, H, W) by affine maps (B, 2, 3)."""
    x, y = axes(images)
    maps = maps.to(images.device)
    across, down = maps[..., 0, None] * x, maps[..., 1, None] * y + maps[..., 2, None]  # (B, 2, W), (B, 2, H)
    return resample(
        images,
        across[:, 0, None, :] + down[:, 0, :, None],
        across[:, 1, None, :] + down[:, 1, :, None],
        fill,
        interpolation,
    )


def axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of the columns (W,) and of the rows (H,)."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device, dtype=torch.float32) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=torch.float32) - (height - 1) / 2
    return x, y


def resample(images: Tensor, x: Tensor, y: Tensor, fill: str, interpolation: str) -> Tensor:
    """The images (B, C, H, W) with each pixel taken from (x, y), both (B, H, W)."""
    height, width = images.shape[-2:]
    grid = torch.stack([x * (2 / max(width - 1, 1)), y * (2 / max(height - 1, 1))], dim=-1)
    return functional.grid_sample(
        images, grid, mode=INTERPOLATIONS[interpolation], padding_mode=FILLS[fill], align_corners=True
    )


def smoothing(sigma: Tensor, length: int) -> Tensor:
    """Gaussian weights (B, length, length) of width sigma (B,), above 0, in pixels: row i makes pixel i of a side.

    Near the border the weights that fall inside are raised to sum to one. Smooths by a matrix product, so that each
    image can have a width of its own.
    """
    place = torch.arange(length, device=sigma.device, dtype=torch.float32)
    far = (place[:, None] - place)[None] / sigma[:, None, None]
    return torch.softmax(-far.square() / 2, dim=-1)
