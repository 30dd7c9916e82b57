"""Brightness and color transforms; masks stay unchanged, and color-only transforms leave gray images unchanged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import albumentations
import cv2
import numpy as np
from albumentations.augmentations.pixel import functional
from numpy.typing import NDArray
from pydantic import Field

from darkroom.augment.options import (
    Amount,
    Chance,
    GammaExponent,
    HueShift,
    PosterizeBits,
    RelativeChange,
    SolarizeThreshold,
)
from darkroom.registry import register

COUNTED = 2048
"""Minimum pixels per tile at which OpenCV's contrast limit, a whole number of pixels, is fine enough."""


@register("transform", "brightness")
def brightness(
    *,
    by: Annotated[RelativeChange, Amount("brightness")] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Brighten or darken."""
    return Jitter("factor", functional.adjust_brightness_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "contrast")
def contrast(
    *,
    by: Annotated[RelativeChange, Amount("contrast")] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Raise or lower the contrast about the mean brightness."""
    return Jitter("factor", functional.adjust_contrast_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "brightness_contrast")
def brightness_contrast(
    *,
    brightness: Annotated[
        float,
        Field(ge=0, le=1, description="maximum change, either way, as a fraction of the full range"),
        Amount("brightness"),
    ] = 0.2,
    contrast: Annotated[
        float, Field(ge=0, le=1, description="maximum relative change, either way"), Amount("contrast")
    ] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Brighten or darken, and raise or lower the contrast."""
    return albumentations.RandomBrightnessContrast(brightness_limit=brightness, contrast_limit=contrast, p=p)


@register("transform", "saturation")
def saturation(
    *,
    by: Annotated[RelativeChange, Amount("saturation")] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Raise or lower the saturation; gray images stay unchanged."""
    return Jitter("factor", functional.adjust_saturation_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "hue")
def hue(
    *,
    by: HueShift = 0.05,
    p: Chance = 0.5,
) -> Any:
    """Shift the hue of all colors by a random amount; gray images stay unchanged."""
    return Jitter("turn", functional.adjust_hue_torchvision, -by, by, p=p)


class Jitter(albumentations.ImageOnlyTransform):
    """Change one color property by a uniform random number.

    Albumentations' ColorJitter always draws and records four properties in random order.
    """

    def __init__(self, key: str, change: Callable[[Any, float], Any], low: float, high: float, *, p: float) -> None:
        super().__init__(p=p)
        self.key, self.change, self.limits = key, change, (low, high)

    def get_params(self) -> dict[str, Any]:
        """Draw the number."""
        return {self.key: self.py_random.uniform(*self.limits)}

    def apply(self, img: NDArray[np.uint8], **params: Any) -> NDArray[np.uint8]:
        """Change an image (H, W, C)."""
        return self.change(img, params[self.key])  # type: ignore[no-any-return]


@register("transform", "gamma")
def gamma(
    *,
    gamma: GammaExponent = 1.3,
    p: Chance = 0.5,
) -> Any:
    """Raise brightness to a random power: below 1 lightens dark areas, above 1 darkens them."""
    return albumentations.RandomGamma(gamma_limit=(100 / gamma, 100 * gamma), p=p)


@register("transform", "grayscale")
def grayscale(*, p: Annotated[Chance, Amount("grayscale")] = 0.2) -> Any:
    """Convert to gray, keeping three channels; gray images stay unchanged."""
    return Grayscale(p=p)


class Grayscale(albumentations.ImageOnlyTransform):
    """Convert to gray; Albumentations' version warns on every gray image."""

    def apply(self, img: NDArray[np.uint8], **_: Any) -> NDArray[np.uint8]:
        """Change an image (H, W, 1 or 3)."""
        if img.shape[2] == 1:
            return img
        return np.repeat(cv2.cvtColor(img, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


@register("transform", "solarize")
def solarize(
    *,
    threshold: SolarizeThreshold = 0.5,
    p: Chance = 0.2,
) -> Any:
    """Invert pixels above a random threshold."""
    return albumentations.Solarize(threshold_range=(threshold, 1.0), p=p)


@register("transform", "posterize")
def posterize(
    *,
    bits: PosterizeBits = 4,
    p: Chance = 0.2,
) -> Any:
    """Keep only the upper bits of each pixel."""
    return albumentations.Posterize(num_bits=(bits, 7), p=p)


@register("transform", "equalize")
def equalize(*, p: Annotated[Chance, Amount("equalize")] = 0.2) -> Any:
    """Equalize each channel's histogram."""
    return albumentations.Equalize(p=p)


@register("transform", "clahe")
def clahe(
    *,
    clip: Annotated[
        float,
        Field(gt=1, le=40, description="maximum contrast gain, drawn from 1, which is almost none"),
        Amount("clahe", neutral=1.0),
    ] = 4.0,
    tiles: Annotated[int, Field(ge=1, le=64, description="tiles along each side, equalized separately")] = 4,
    p: Chance = 0.3,
) -> Any:
    """Contrast-limited adaptive histogram equalization (CLAHE; Zuiderveld 1994)."""
    return Clahe(clip, tiles, p=p)


class Clahe(albumentations.CLAHE):
    """CLAHE for small images: OpenCV rounds the limit to whole pixels per tile, so pixels are repeated
    until tiles are large enough."""

    def __init__(self, clip: float, tiles: int, *, p: float) -> None:
        super().__init__(clip_limit=(1.0, clip), tile_grid_size=(tiles, tiles), p=p)

    def apply(self, img: NDArray[np.uint8], clip_limit: float, **params: Any) -> NDArray[np.uint8]:
        """Change an image (H, W, 1 or 3)."""
        tile = img.shape[0] * img.shape[1] / self.tile_grid_size[0] ** 2
        times = max(1, math.ceil(math.sqrt(COUNTED / tile)))
        large = img.repeat(times, 0).repeat(times, 1)
        seen = super().apply(large, clip_limit=clip_limit, **params)
        return np.ascontiguousarray(seen[times // 2 :: times, times // 2 :: times])
