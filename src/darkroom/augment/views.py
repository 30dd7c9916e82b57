"""Views of a test image: mild changes under which a classifier should say the same; their answers are merged.

Each takes a batch of images (B, C, H, W), float in [0, 1], and gives batches of the same shape, type and device: one for
each name in its `looks`. The plain image is none of them.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from darkroom.augment.options import Amount
from darkroom.registry import register


@register("view", "hflip")
class HorizontalFlip:
    """The mirror image, left for right: one look."""

    looks = ("mirrored",)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-1)]


@register("view", "vflip")
class VerticalFlip:
    """The mirror image, top for bottom: one look."""

    looks = ("upside down",)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images.flip(-2)]


@register("view", "shift")
class Shift:
    """Shifted right, left, down and up, the edge repeated: four looks."""

    looks = ("right", "left", "down", "up")

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
    """Turned by an angle, both ways, the edge repeated: two looks."""

    looks = ("counter-clockwise", "clockwise")

    def __init__(
        self,
        *,
        degrees: Annotated[float, Field(gt=0, le=180, description="the angle"), Amount("rotate")] = 5.0,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.degrees, self.linear = degrees, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, angle, 1.0, self.linear) for angle in (self.degrees, -self.degrees)]


@register("view", "scale")
class Scale:
    """Enlarged and reduced about the center, the edge repeated: two looks."""

    looks = ("larger", "smaller")

    def __init__(
        self,
        *,
        by: Annotated[float, Field(gt=0, lt=1, description="0.1 gives factors 1.1 and 0.9"), Amount("scale")] = 0.1,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.by, self.linear = by, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [_turned(images, 0.0, factor, self.linear) for factor in (1 + self.by, 1 - self.by)]


@register("view", "crop")
class Crop:
    """The middle cut out and enlarged to the full size: one look."""

    looks = ("center",)

    def __init__(
        self,
        *,
        area: Annotated[
            float,
            Field(gt=0, lt=1, description="share of the image's area that is kept; at least one pixel a side goes"),
            Amount("crop", neutral=1.0),
        ] = 0.8,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return _crops(images, self.area, self.linear)[4:]


@register("view", "five_crop")
class FiveCrop:
    """The four corners and the middle cut out, each enlarged to the full size: five looks."""

    looks = ("top left", "top right", "bottom left", "bottom right", "center")

    def __init__(
        self,
        *,
        area: Annotated[
            float,
            Field(gt=0, lt=1, description="share of the image's area that each keeps; at least one pixel a side goes"),
            Amount("crop", neutral=1.0),
        ] = 0.8,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        return _crops(images, self.area, self.linear)


@register("view", "ten_crop")
class TenCrop:
    """The four corners and the middle, enlarged, and the mirror image of each: ten looks (Krizhevsky et al. 2012)."""

    looks = (*FiveCrop.looks, *(f"{look}, mirrored" for look in FiveCrop.looks))

    def __init__(
        self,
        *,
        area: Annotated[
            float,
            Field(gt=0, lt=1, description="share of the image's area that each keeps; at least one pixel a side goes"),
            Amount("crop", neutral=1.0),
        ] = 0.8,
        linear: Annotated[bool, Field(description="interpolate between pixels; softens small images")] = False,
    ) -> None:
        self.area, self.linear = area, linear

    def __call__(self, images: Tensor) -> list[Tensor]:
        crops = _crops(images, self.area, self.linear)
        return [*crops, *(crop.flip(-1) for crop in crops)]


def _crops(images: Tensor, area: float, linear: bool) -> list[Tensor]:
    """The corners and the middle, in the order of `FiveCrop.looks`, each (B, C, H, W) again."""
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
    # Where each output pixel comes from, in coordinates from -1 to 1 along both sides, whatever their lengths.
    matrix = torch.tensor([[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]], device=images.device)
    grid = functional.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    mode = "bilinear" if linear else "nearest"
    turned = functional.grid_sample(images.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return turned.to(images.dtype)
