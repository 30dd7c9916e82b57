"""Rotation, shift, scale and shear in one warp.

Albumentations' affine transform builds each matrix twice, once for bounding boxes, and tests it for the identity, which
dominates its time on small images. This one builds the same matrix once.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import albumentations
import cv2
import numpy as np
from albumentations.core.type_definitions import Targets
from numpy.typing import NDArray
from pydantic import Field

from darkroom.augment.options import (
    AffineRotation,
    AffineScale,
    AffineShear,
    AffineShift,
    Amount,
    Angle,
    Chance,
    Fill,
    OfflineInterpolation,
)
from darkroom.augment.transforms import border
from darkroom.registry import register


class Affine(albumentations.DualTransform):
    """Warp about the center, with every amount uniform from minus to plus its limit.

    Rotation and shear are in degrees, shifts fractions of the sides; `scale` is the maximum relative change of size.
    """

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(
        self, *, rotate: float, translate: float, scale: float, shear: float, fill: str, interpolation: str, p: float
    ) -> None:
        super().__init__(p=p)
        self.limits = rotate, translate, scale, shear
        self.border, self.interpolation = border.FILLS[fill], interpolation

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the parameters for one image; shifts are in pixels."""
        height, width = params["shape"][:2]
        rotate, translate, scale, shear = self.limits
        draw = self.py_random.uniform
        return {
            "rotate": draw(-rotate, rotate),
            "translate": {"x": draw(-translate, translate) * width, "y": draw(-translate, translate) * height},
            "scale": draw(1 - scale, 1 + scale),
            "shear": draw(-shear, shear),
        }

    def apply(self, img: NDArray[np.uint8], *_: Any, **params: Any) -> NDArray[np.uint8]:
        """Warp an image (H, W, C)."""
        return self._warp(img, border.flag(self.interpolation, img), params)

    def apply_to_mask(self, mask: NDArray[np.uint8], *_: Any, **params: Any) -> NDArray[np.uint8]:
        """Warp a mask (H, W) alike, with nearest-neighbor interpolation."""
        return self._warp(mask, cv2.INTER_NEAREST, params)

    def _warp(self, pixels: NDArray[np.uint8], flag: int, params: dict[str, Any]) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        warped: Any = cv2.warpAffine(
            pixels, matrix(params, height, width), (width, height), flags=flag, borderMode=self.border
        )
        return warped.reshape(pixels.shape)  # type: ignore[no-any-return]


def matrix(params: dict[str, Any], height: int, width: int) -> NDArray[np.float64]:
    """Return the (2, 3) matrix that maps a pixel (x, y) to its new position: scale, rotate, shear, then shift."""
    angle, slant, scale = math.radians(params["rotate"]), math.tan(math.radians(params["shear"])), params["scale"]
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    a, b, c, d = cos - slant * sin, sin + slant * cos, -sin, cos
    x, y = (width - 1) / 2, (height - 1) / 2
    shift = params["translate"]
    return np.array([[a, b, x + shift["x"] - a * x - b * y], [c, d, y + shift["y"] - c * x - d * y]])


@register("transform", "rotate")
def rotate(
    *,
    degrees: Angle = 15.0,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Rotate about the center by a random angle."""
    return Affine(rotate=degrees, translate=0, scale=0, shear=0, fill=fill, interpolation=interpolation, p=p)


@register("transform", "translate")
def translate(
    *,
    by: Annotated[
        float, Field(gt=0, lt=1, description="maximum shift along each side, as a fraction of it"), Amount("translate")
    ] = 0.1,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Shift along both sides by random amounts."""
    return Affine(rotate=0, translate=by, scale=0, shear=0, fill=fill, interpolation=interpolation, p=p)


@register("transform", "scale")
def scale(
    *,
    by: Annotated[
        float,
        Field(gt=0, lt=1, description="maximum relative change of size: 0.1 draws factors from 0.9 to 1.1"),
        Amount("scale"),
    ] = 0.2,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Zoom in or out about the center by a random factor."""
    return Affine(rotate=0, translate=0, scale=by, shear=0, fill=fill, interpolation=interpolation, p=p)


@register("transform", "shear")
def shear(
    *,
    degrees: Annotated[
        float, Field(gt=0, le=60, description="maximum shear angle in degrees, either way"), Amount("shear")
    ] = 10.0,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Shear horizontally by a random angle."""
    return Affine(rotate=0, translate=0, scale=0, shear=degrees, fill=fill, interpolation=interpolation, p=p)


@register("transform", "affine")
def affine(
    *,
    rotate: AffineRotation = 15.0,
    translate: AffineShift = 0.1,
    scale: AffineScale = 0.1,
    shear: AffineShear = 5.0,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "auto",
    p: Chance = 1.0,
) -> Any:
    """Rotate, shift, scale and shear in one step, each by a random amount."""
    return Affine(
        rotate=rotate, translate=translate, scale=scale, shear=shear, fill=fill, interpolation=interpolation, p=p
    )
