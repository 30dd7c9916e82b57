"""Flips, quarter turns, crops, perspective and elastic transforms; masks move along, with nearest-neighbor interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import albumentations
import cv2
import numpy as np
from albumentations.core.type_definitions import Targets
from numpy.typing import NDArray
from pydantic import Field

from darkroom.augment.options import (
    Amount,
    Chance,
    CropArea,
    CropRatio,
    ElasticShift,
    ElasticSigma,
    Fill,
    OfflineInterpolation,
    PerspectiveScale,
)
from darkroom.augment.transforms import border
from darkroom.registry import register


@register("transform", "hflip")
def hflip(*, p: Annotated[Chance, Amount("hflip")] = 0.5) -> Any:
    """Flip left and right."""
    return albumentations.HorizontalFlip(p=p)


@register("transform", "vflip")
def vflip(*, p: Annotated[Chance, Amount("vflip")] = 0.5) -> Any:
    """Flip top and bottom."""
    return albumentations.VerticalFlip(p=p)


@register("transform", "rotate90")
def rotate90(
    size: tuple[int, int],
    *,
    turns: Annotated[
        Annotated[list[Literal[1, 2, 3]], Field(min_length=1)] | None,
        Field(description="quarter turns to choose from. Default: all three, or [2] for images that are not square"),
    ] = None,
    p: Annotated[Chance, Amount("rotate")] = 0.5,
) -> Any:
    """Rotate by quarter turns, which is lossless."""
    square = size[0] == size[1]
    if turns and not square and set(turns) != {2}:
        raise ValueError(
            f"rotate90 with turns {turns} would change the size of images of {size[0]}x{size[1]} pixels; "
            "set turns to [2] or remove it, or make the images square with data.size"
        )
    return QuarterTurns(turns or ((1, 2, 3) if square else (2,)), p=p)


class QuarterTurns(albumentations.DualTransform):
    """Rotate counter-clockwise by one of these numbers of quarter turns; Albumentations' version draws from all four."""

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, turns: Sequence[int], *, p: float) -> None:
        super().__init__(p=p)
        self.turns = turns

    def get_params(self) -> dict[str, Any]:
        """Draw the number of turns."""
        return {"turns": self.py_random.choice(self.turns)}

    def apply(self, img: NDArray[np.uint8], turns: int, **_: Any) -> NDArray[np.uint8]:
        """Rotate an image (H, W, C) or mask (H, W)."""
        return np.rot90(img, turns)

    apply_to_mask = apply


@register("transform", "crop")
def crop(
    size: tuple[int, int],
    *,
    area: CropArea = 0.7,
    ratio: Annotated[CropRatio, Amount("aspect", neutral=1.0)] = 1.2,
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Cut out a random part and resize it to the full size."""
    aspect = size[1] / size[0]
    return Crop(interpolation, size=size, scale=(area, 1.0), ratio=(aspect / ratio, aspect * ratio), p=p)


class Crop(albumentations.RandomResizedCrop):
    """Albumentations' random resized crop with an interpolation that may depend on the image."""

    def __init__(self, by: str, **options: Any) -> None:
        super().__init__(**options)
        self.by = by

    def apply(self, img: NDArray[np.uint8], crop_coords: tuple[int, int, int, int], **_: Any) -> NDArray[np.uint8]:
        """Crop an image (H, W, C) to the corners (left, top, right, bottom) and enlarge it."""
        left, top, right, bottom = crop_coords
        height, width = self.size
        part = cv2.resize(img[top:bottom, left:right], (width, height), interpolation=border.flag(self.by, img))
        return np.asarray(part, np.uint8).reshape(height, width, *img.shape[2:])


@register("transform", "perspective")
def perspective(
    *,
    scale: PerspectiveScale = 0.1,
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 0.5,
) -> Any:
    """Change the perspective: each corner moves in by a random amount."""
    return Perspective(scale, interpolation, p=p)


class Perspective(albumentations.DualTransform):
    """Stretch a quadrilateral of the image to the full size.

    Albumentations' version moves corners by normally distributed distances wrapped at 0.32, so they have no set maximum.
    """

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, scale: float, interpolation: str, *, p: float) -> None:
        super().__init__(p=p)
        self.scale, self.interpolation = scale, interpolation

    def get_params(self) -> dict[str, Any]:
        """Draw how far each corner moves in: (4, 2) fractions of width and height, clockwise from the top left."""
        return {"corners": self.random_generator.random((4, 2)) * self.scale}

    def apply(self, img: NDArray[np.uint8], corners: NDArray[np.float64], **_: Any) -> NDArray[np.uint8]:
        """Warp an image (H, W, C)."""
        return self._warp(img, corners, border.flag(self.interpolation, img))

    def apply_to_mask(self, mask: NDArray[np.uint8], corners: NDArray[np.float64], **_: Any) -> NDArray[np.uint8]:
        """Warp a mask (H, W) alike, with nearest-neighbor interpolation."""
        return self._warp(mask, corners, cv2.INTER_NEAREST)

    def _warp(self, pixels: NDArray[np.uint8], corners: NDArray[np.float64], flag: int) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        far = np.array([width - 1, height - 1], np.float32)
        outer = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        inner = outer + (1 - 2 * outer) * corners.astype(np.float32)
        matrix = cv2.getPerspectiveTransform(inner * far, outer * far)
        warped = cv2.warpPerspective(pixels, matrix, (width, height), flags=flag, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, np.uint8).reshape(pixels.shape)


@register("transform", "elastic")
def elastic(
    size: tuple[int, int],
    *,
    displacement: ElasticShift = 0.03,
    sigma: ElasticSigma = 0.14,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 0.5,
) -> Any:
    """Displace pixels along a smooth random field (Simard et al. 2003), more at the edges; sigma is at least a pixel."""
    side = min(size)
    pixels = max(1.0, sigma * side)  # Albumentations' minimum
    return Elastic(
        interpolation,
        # uniform noise in [-1, 1] has std 1 / sqrt(3); smoothing by a Gaussian of sigma s multiplies it by 1 / (2 sqrt(pi) s)
        alpha=displacement * side * math.sqrt(3) * 2 * math.sqrt(math.pi) * pixels,
        sigma=pixels,
        border_mode=border.FILLS[fill],
        p=p,
    )


class Elastic(albumentations.ElasticTransform):
    """Albumentations' elastic transform with the two displacement fields smoothed separately.

    Albumentations stacks them vertically before smoothing, so that they leak into each other at the seam.
    """

    def __init__(self, by: str, **options: Any) -> None:
        super().__init__(**options)
        self.by = by

    def apply(
        self, img: NDArray[np.uint8], map_x: NDArray[np.float32], map_y: NDArray[np.float32], **_: Any
    ) -> NDArray[np.uint8]:
        """Move the pixels of an image (H, W, C); `map_x` and `map_y` (H, W) are where each comes from."""
        flag = border.flag(self.by, img)
        moved = cv2.remap(img, map_x, map_y, interpolation=flag, borderMode=self.border_mode)
        return np.asarray(moved, np.uint8).reshape(img.shape)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the source of each pixel."""
        height, width = params["shape"][:2]
        noise = self.random_generator.random((height, width, 2), dtype=np.float32) - np.float32(0.5)
        shifts = cv2.GaussianBlur(noise, (0, 0), self.sigma) * np.float32(2 * self.alpha)
        columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        return {"map_x": shifts[..., 0] + columns, "map_y": shifts[..., 1] + rows}
