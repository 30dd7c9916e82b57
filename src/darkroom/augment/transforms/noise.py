"""Noise, blur and compression."""

from __future__ import annotations

import math
from typing import Annotated, Any

import albumentations
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.augment.options import Amount, BlurSigma, Chance, NoiseStd, NoisyShare
from darkroom.registry import register


@register("transform", "gauss_noise")
def gauss_noise(
    *,
    std: NoiseStd = 0.1,
    p: Chance = 0.3,
) -> Any:
    """Add Gaussian noise to every pixel and channel."""
    return albumentations.GaussNoise(std_range=(0.0, std), p=p)


@register("transform", "salt_and_pepper")
def salt_and_pepper(
    *,
    share: NoisyShare = 0.05,
    p: Chance = 0.3,
) -> Any:
    """Make random pixels black or white."""
    return albumentations.SaltAndPepper(amount=(0.0, share), salt_vs_pepper=(0.5, 0.5), p=p)


@register("transform", "gauss_blur")
def gauss_blur(
    *,
    sigma: BlurSigma = 1.0,
    p: Chance = 0.3,
) -> Any:
    """Blur with a Gaussian of random width."""
    return albumentations.GaussianBlur(sigma_limit=(sigma / 4, sigma), p=p)


@register("transform", "motion_blur")
def motion_blur(
    *,
    length: Annotated[
        float,
        Field(gt=0, le=1, description="maximum length of the motion, as a fraction of the shorter side"),
        Amount("motion_blur"),
    ] = 0.15,
    p: Chance = 0.3,
) -> Any:
    """Blur along a straight line, like a moving camera."""
    return MotionBlur(length, p=p)


class MotionBlur(albumentations.ImageOnlyTransform):
    """Average over a line of any length and direction.

    Albumentations' version uses lines of 3, 5, 7... whole pixels, which is too coarse for small images.
    """

    def __init__(self, length: float, *, p: float) -> None:
        super().__init__(p=p)
        self.length = length

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the line's length in pixels, from a quarter of the maximum, and its angle in degrees."""
        longest = self.length * min(params["shape"][:2])
        return {"length": self.py_random.uniform(longest / 4, longest), "angle": self.py_random.uniform(0, 180)}

    def apply(self, img: NDArray[np.uint8], length: float, angle: float, **_: Any) -> NDArray[np.uint8]:
        """Blur an image (H, W, C)."""
        return np.asarray(cv2.filter2D(img, -1, line(length, angle)), np.uint8).reshape(img.shape)


def line(length: float, angle: float) -> NDArray[np.float32]:
    """Return the kernel of a centered line of this length in pixels (odd side, odd side); its weights sum to one."""
    reach = math.ceil(length / 2)
    weights = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    steps = 16 * reach
    along = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    x, y = (reach + along * f(math.radians(angle)) for f in (math.cos, math.sin))
    column, row = (np.minimum(np.floor(place).astype(int), max(2 * reach - 1, 0)) for place in (x, y))
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column))
            np.add.at(weights, (row + down, column + right), share)
    weights /= weights.sum()
    return weights


@register("transform", "jpeg")
def jpeg(
    *,
    quality: Annotated[
        int,
        Field(ge=1, le=100, description="minimum quality, drawn up to 100, which is nearly lossless"),
        Amount("jpeg", neutral=100),
    ] = 30,
    p: Chance = 0.3,
) -> Any:
    """Compress as JPEG with random quality."""
    return Jpeg(quality, p=p)


class Jpeg(albumentations.ImageOnlyTransform):
    """Compress with a random quality. Albumentations' version passes red as blue, which JPEG codes more coarsely."""

    def __init__(self, quality: int, *, p: float) -> None:
        super().__init__(p=p)
        self.quality = quality

    def get_params(self) -> dict[str, Any]:
        """Draw the quality."""
        return {"quality": self.py_random.randint(self.quality, 100)}

    def apply(self, img: NDArray[np.uint8], quality: int, **_: Any) -> NDArray[np.uint8]:
        """Compress an image (H, W, 1 or 3)."""
        gray = img.shape[2] == 1
        settings = (cv2.IMWRITE_JPEG_QUALITY, quality)
        coded = cv2.imencode(".jpg", img if gray else cv2.cvtColor(img, cv2.COLOR_RGB2BGR), settings)[1]
        seen: Any = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR)
        return np.asarray(seen[..., None] if gray else cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.uint8)
