"""Transforms of brightness and color; they leave every pixel, and so every mask, where it is.

Those that change colors alone leave gray images as they are.
"""

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

from darkroom.augment.options import Amount, Chance
from darkroom.registry import register
from darkroom.settings import Probability

COUNTED = 2048
"""Fewest pixels in a tile for which OpenCV's limit of the contrast, a whole number of pixels, is fine enough."""


@register("transform", "brightness")
def brightness(
    *,
    by: Annotated[
        float,
        Field(gt=0, le=1, description="largest relative change: 0.2 draws factors from 0.8 to 1.2"),
        Amount("brightness"),
    ] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Brighten or darken."""
    return Jitter("factor", functional.adjust_brightness_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "contrast")
def contrast(
    *,
    by: Annotated[
        float,
        Field(gt=0, le=1, description="largest relative change: 0.2 draws factors from 0.8 to 1.2"),
        Amount("contrast"),
    ] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Raise or lower the contrast about the mean brightness."""
    return Jitter("factor", functional.adjust_contrast_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "brightness_contrast")
def brightness_contrast(
    *,
    brightness: Annotated[
        float,
        Field(ge=0, le=1, description="largest change, either way, as a share of the full range"),
        Amount("brightness"),
    ] = 0.2,
    contrast: Annotated[
        float, Field(ge=0, le=1, description="largest relative change, either way"), Amount("contrast")
    ] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Brighten or darken, and raise or lower the contrast."""
    return albumentations.RandomBrightnessContrast(brightness_limit=brightness, contrast_limit=contrast, p=p)


@register("transform", "saturation")
def saturation(
    *,
    by: Annotated[
        float,
        Field(gt=0, le=1, description="largest relative change: 0.2 draws factors from 0.8 to 1.2"),
        Amount("saturation"),
    ] = 0.2,
    p: Chance = 0.5,
) -> Any:
    """Make colors paler or stronger; gray images stay as they are."""
    return Jitter("factor", functional.adjust_saturation_torchvision, 1 - by, 1 + by, p=p)


@register("transform", "hue")
def hue(
    *,
    by: Annotated[
        float,
        Field(gt=0, le=0.5, description="largest turn, either way, as a share of the color circle"),
        Amount("hue"),
    ] = 0.05,
    p: Chance = 0.5,
) -> Any:
    """Turn all colors around the color circle; gray images stay as they are."""
    return Jitter("turn", functional.adjust_hue_torchvision, -by, by, p=p)


class Jitter(albumentations.ImageOnlyTransform):
    """One property of the colors changed by a number drawn evenly.

    Albumentations' ColorJitter does this too, but draws and records four properties and a random order of them.
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
    gamma: Annotated[
        float,
        Field(gt=1, le=5, description="largest exponent; the smallest is one over it"),
        Amount("gamma", neutral=1.0),
    ] = 1.3,
    p: Chance = 0.5,
) -> Any:
    """Raise brightness to a random power: below 1 it lifts the dark parts, above 1 it deepens them."""
    return albumentations.RandomGamma(gamma_limit=(100 / gamma, 100 * gamma), p=p)


@register("transform", "grayscale")
def grayscale(
    *, p: Annotated[Probability, Field(description="how often it is applied"), Amount("grayscale")] = 0.2
) -> Any:
    """Take the colors away; the image keeps its three channels, and gray images stay as they are."""
    return Grayscale(p=p)


class Grayscale(albumentations.ImageOnlyTransform):
    """Albumentations' own warns at every gray image."""

    def apply(self, img: NDArray[np.uint8], **_: Any) -> NDArray[np.uint8]:
        """Change an image (H, W, 1 or 3)."""
        if img.shape[2] == 1:
            return img
        return np.repeat(cv2.cvtColor(img, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


@register("transform", "solarize")
def solarize(
    *,
    threshold: Annotated[
        float,
        Field(ge=0, le=1, description="lowest brightness that is inverted, as a share of the range; drawn up to 1"),
        Amount("solarize", neutral=1.0),
    ] = 0.5,
    p: Chance = 0.2,
) -> Any:
    """Invert what is brighter than a random threshold."""
    return albumentations.Solarize(threshold_range=(threshold, 1.0), p=p)


@register("transform", "posterize")
def posterize(
    *,
    bits: Annotated[
        int,
        Field(ge=1, le=7, description="fewest bits that each channel keeps of its eight; drawn from it to 7"),
        Amount("posterize", neutral=8),
    ] = 4,
    p: Chance = 0.2,
) -> Any:
    """Keep fewer levels of brightness."""
    return albumentations.Posterize(num_bits=(bits, 7), p=p)


@register("transform", "equalize")
def equalize(
    *, p: Annotated[Probability, Field(description="how often it is applied"), Amount("equalize")] = 0.2
) -> Any:
    """Spread each channel's brightness evenly over the range."""
    return albumentations.Equalize(p=p)


@register("transform", "clahe")
def clahe(
    *,
    clip: Annotated[
        float,
        Field(gt=1, le=40, description="largest gain of contrast; drawn from 1, which gains next to none"),
        Amount("clahe", neutral=1.0),
    ] = 4.0,
    tiles: Annotated[int, Field(ge=1, le=64, description="parts along each side that are equalized by themselves")] = 4,
    p: Chance = 0.3,
) -> Any:
    """Raise the contrast of each part of the image by itself, up to a limit (CLAHE, Zuiderveld 1994)."""
    return Clahe(clip, tiles, p=p)


class Clahe(albumentations.CLAHE):
    """The same for small images: OpenCV rounds the limit to whole pixels of a tile, so each is counted several times."""

    def __init__(self, clip: float, tiles: int, *, p: float) -> None:
        super().__init__(clip_limit=(1.0, clip), tile_grid_size=(tiles, tiles), p=p)

    def apply(self, img: NDArray[np.uint8], clip_limit: float, **params: Any) -> NDArray[np.uint8]:
        """Change an image (H, W, 1 or 3)."""
        tile = img.shape[0] * img.shape[1] / self.tile_grid_size[0] ** 2
        times = max(1, math.ceil(math.sqrt(COUNTED / tile)))
        large = img.repeat(times, 0).repeat(times, 1)
        seen = super().apply(large, clip_limit=clip_limit, **params)
        return np.ascontiguousarray(seen[times // 2 :: times, times // 2 :: times])
