"""Views of a test image: mild changes under which a classifier should say the same; their answers are averaged.

Each takes a batch of images (B, C, H, W), float in [0, 1], and gives batches of the same shape, type and device.
The plain image is none of them.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from darkroom.registry import register


@register("view", "hflip")
class HorizontalFlip:
    """The mirror image, left for right: one view."""

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-1)]


@register("view", "vflip")
class VerticalFlip:
    """The mirror image, top for bottom: one view."""

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-2)]


@register("view", "shift")
class Shift:
    """Shifted right, left, down and up, the edge repeated: four views."""

    def __init__(self, *, pixels: Annotated[int, Field(ge=1, le=64, description="how far")] = 1) -> None:
        self.pixels = pixels

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Raises ValueError when the shift is as large as the image."""
        n = self.pixels
        height, width = images.shape[-2:]
        if n >= min(height, width):
            raise ValueError(
                f"a view shifts by {n} pixels, the images have {height}x{width}; lower pixels in classify.tta"
            )
        padded = functional.pad(images, (n, n, n, n), mode="replicate")
        corners = ((n, 0), (n, 2 * n), (0, n), (2 * n, n))
        return [padded[..., top : top + height, left : left + width] for top, left in corners]


@register("view", "rotate")
class Rotate:
    """Turned by an angle, both ways, the edge repeated: two views."""

    def __init__(
        self,
        *,
        degrees: Annotated[float, Field(gt=0, le=180, description="the angle")] = 5.0,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.degrees, self.linear = degrees, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, angle, 1.0, self.linear) for angle in (self.degrees, -self.degrees)]


@register("view", "scale")
class Scale:
    """Enlarged and reduced about the center, the edge repeated: two views."""

    def __init__(
        self,
        *,
        by: Annotated[float, Field(gt=0, lt=1, description="0.1 gives factors 1.1 and 0.9")] = 0.1,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.by, self.linear = by, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, 0.0, factor, self.linear) for factor in (1 + self.by, 1 - self.by)]


def _turned(images: Tensor, degrees: float, factor: float, linear: bool) -> Tensor:
    """Rotate counter-clockwise about the center and scale by a factor; (B, C, H, W) to (B, C, H, W)."""
    height, width = images.shape[-2:]
    cos, sin = (f(math.radians(degrees)) / factor for f in (math.cos, math.sin))
    # Where each output pixel comes from, in coordinates from -1 to 1 along both sides, whatever their lengths.
    matrix = torch.tensor([[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]], device=images.device)
    grid = functional.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    mode = "bilinear" if linear else "nearest"
    turned = functional.grid_sample(images.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return turned.to(images.dtype)
