"""Views for test-time augmentation: mild transforms that should not change a prediction.

Each maps a batch of images (B, C, H, W), float in [0, 1], to batches of the same shape, dtype and device, one for each
name in its `looks`, not including the untransformed batch.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from darkroom.augment.options import Amount, ViewArea, ViewLinear
from darkroom.registry import register


@register("view", "hflip")
class HorizontalFlip:
    """Horizontal flip: one view."""

    looks = ("mirrored",)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-1)]


@register("view", "vflip")
class VerticalFlip:
    """Vertical flip: one view."""

    looks = ("upside down",)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-2)]


@register("view", "shift")
class Shift:
    """Shifts right, left, down and up with replicated edges: four views."""

    looks = ("right", "left", "down", "up")

    def __init__(self, *, pixels: Annotated[int, Field(ge=1, le=64, description="distance in pixels")] = 1) -> None:
        self.pixels = pixels

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Raises ValueError if the shift is as large as the image."""
        n = self.pixels
        height, width = images.shape[-2:]
        if n >= min(height, width):
            raise ValueError(
                f"a view shifts by {n} pixels, but images are {height}x{width}; lower pixels in classify.tta"
            )
        padded = functional.pad(images, (n, n, n, n), mode="replicate")
        corners = ((n, 0), (n, 2 * n), (0, n), (2 * n, n))
        return [padded[..., top : top + height, left : left + width] for top, left in corners]


@register("view", "rotate")
class Rotate:
    """Rotations by an angle in both directions with replicated edges: two views."""

    looks = ("counter-clockwise", "clockwise")

    def __init__(
        self,
        *,
        degrees: Annotated[float, Field(gt=0, le=180, description="angle"), Amount("rotate")] = 5.0,
        linear: ViewLinear = False,
    ) -> None:
        self.degrees, self.linear = degrees, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, angle, 1.0, self.linear) for angle in (self.degrees, -self.degrees)]


@register("view", "scale")
class Scale:
    """Zooms in and out about the center with replicated edges: two views."""

    looks = ("larger", "smaller")

    def __init__(
        self,
        *,
        by: Annotated[float, Field(gt=0, lt=1, description="0.1 gives factors 1.1 and 0.9"), Amount("scale")] = 0.1,
        linear: ViewLinear = False,
    ) -> None:
        self.by, self.linear = by, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, 0.0, factor, self.linear) for factor in (1 + self.by, 1 - self.by)]


@register("view", "crop")
class Crop:
    """Center crop, resized to the full size: one view."""

    looks = ("center",)

    def __init__(
        self,
        *,
        area: ViewArea = 0.8,
        linear: ViewLinear = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return _crops(images, self.area, self.linear)[4:]


@register("view", "five_crop")
class FiveCrop:
    """Crops of the four corners and the center, resized to the full size: five views."""

    looks = ("top left", "top right", "bottom left", "bottom right", "center")

    def __init__(
        self,
        *,
        area: ViewArea = 0.8,
        linear: ViewLinear = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return _crops(images, self.area, self.linear)


@register("view", "ten_crop")
class TenCrop:
    """The five crops and their horizontal flips: ten views (Krizhevsky et al. 2012)."""

    looks = (*FiveCrop.looks, *(f"{look}, mirrored" for look in FiveCrop.looks))

    def __init__(
        self,
        *,
        area: ViewArea = 0.8,
        linear: ViewLinear = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        crops = _crops(images, self.area, self.linear)
        return [*crops, *(crop.flip(-1) for crop in crops)]


def _crops(images: Tensor, area: float, linear: bool) -> list[Tensor]:
    """Return the corner and center crops in the order of `FiveCrop.looks`, each resized to (B, C, H, W)."""
    height, width = images.shape[-2:]
    kept_height, kept_width = (max(1, min(round(side * math.sqrt(area)), side - 1)) for side in (height, width))
    down, right = height - kept_height, width - kept_width
    corners = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    cut = [images[..., top : top + kept_height, left : left + kept_width].float() for top, left in corners]
    if linear:
        enlarged = [functional.interpolate(c, (height, width), mode="bilinear", align_corners=False) for c in cut]
    else:
        enlarged = [functional.interpolate(c, (height, width), mode="nearest-exact") for c in cut]
    return [crop.clamp(0, 1).to(images.dtype) for crop in enlarged]


def _turned(images: Tensor, degrees: float, factor: float, linear: bool) -> Tensor:
    """Rotate counter-clockwise about the center and scale by a factor; (B, C, H, W) to (B, C, H, W)."""
    height, width = images.shape[-2:]
    cos, sin = (f(math.radians(degrees)) / factor for f in (math.cos, math.sin))
    # source of each output pixel, in coordinates from -1 to 1 along both sides, whatever their lengths
    matrix = torch.tensor([[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]], device=images.device)
    grid = functional.affine_grid(matrix[None], [1, *images.shape[1:]], align_corners=False)
    grid = grid.expand(images.shape[0], -1, -1, -1)  # not len(), which would fix the batch size of an exported graph
    mode = "bilinear" if linear else "nearest"
    turned = functional.grid_sample(images.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return turned.to(images.dtype)
