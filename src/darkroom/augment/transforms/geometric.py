"""Transforms that move pixels; masks move with them, always by nearest pixel. See also `affine`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import albumentations
import cv2
import numpy as np
from pydantic import Field

from darkroom.augment.transforms import border
from darkroom.registry import register
from darkroom.settings import Probability


@register("transform", "hflip")
def hflip(*, p: Annotated[Probability, Field(description="how often it is applied")] = 0.5) -> Any:
    """Mirror left and right."""
    return albumentations.HorizontalFlip(p=p)


@register("transform", "vflip")
def vflip(*, p: Annotated[Probability, Field(description="how often it is applied")] = 0.5) -> Any:
    """Mirror top and bottom."""
    return albumentations.VerticalFlip(p=p)


@register("transform", "crop")
def crop(
    size: tuple[int, int],
    *,
    area: Annotated[float, Field(gt=0, le=1, description="smallest share of the image's area that is kept")] = 0.7,
    ratio: Annotated[float, Field(ge=1, le=4, description="largest change of the aspect ratio")] = 1.2,
    interpolation: Annotated[
        Literal["nearest", "linear", "cubic", "area"], Field(description="nearest keeps small images sharp")
    ] = "nearest",
    p: Annotated[Probability, Field(description="how often it is applied")] = 1.0,
) -> Any:
    """Cut out a random part and enlarge it to the full size."""
    aspect = size[1] / size[0]
    return albumentations.RandomResizedCrop(
        size=size,
        scale=(area, 1.0),
        ratio=(aspect / ratio, aspect * ratio),
        interpolation=border.INTERPOLATIONS[interpolation],
        p=p,
    )


@register("transform", "perspective")
def perspective(
    *,
    scale: Annotated[float, Field(gt=0, lt=0.5, description="how far corners move in, as a share of the side")] = 0.1,
    interpolation: Annotated[
        Literal["nearest", "linear", "cubic"], Field(description="nearest keeps small images sharp")
    ] = "nearest",
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """View the image at a slant: each corner moves in by a random amount."""
    return albumentations.Perspective(scale=(0.0, scale), interpolation=border.INTERPOLATIONS[interpolation], p=p)


@register("transform", "elastic")
def elastic(
    size: tuple[int, int],
    *,
    displacement: Annotated[
        float,
        Field(gt=0, le=0.5, description="typical shift in the middle, as a share of the shorter side; edges move more"),
    ] = 0.03,
    sigma: Annotated[
        float, Field(gt=0, le=0.5, description="smoothness of the field of shifts, as a share of the shorter side")
    ] = 0.14,
    fill: Annotated[
        Literal["reflect", "constant", "edge"],
        Field(description="what comes in from outside: the mirrored image, black, or its edge repeated"),
    ] = "reflect",
    interpolation: Annotated[
        Literal["nearest", "linear", "cubic"], Field(description="nearest keeps small images sharp")
    ] = "nearest",
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Shift every pixel along a smooth random field (Simard et al. 2003)."""
    side = min(size)
    pixels = sigma * side
    return Elastic(
        # Uniform noise from -1 to 1 deviates by 1 / sqrt(3); smoothed by a Gaussian of width s, 1 / (2 sqrt(pi) s) of it stays.
        alpha=displacement * side * math.sqrt(3) * 2 * math.sqrt(math.pi) * pixels,
        sigma=pixels,
        border_mode=border.FILLS[fill],
        interpolation=border.INTERPOLATIONS[interpolation],
        p=p,
    )


class Elastic(albumentations.ElasticTransform):
    """Albumentations' elastic transform with the two fields of shifts smoothed apart.

    There they lie one below the other while they are smoothed, so that each leaks into the other at the seam.
    """

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw where each pixel comes from."""
        height, width = params["shape"][:2]
        noise = self.random_generator.random((height, width, 2), dtype=np.float32) - np.float32(0.5)
        shifts = cv2.GaussianBlur(noise, (0, 0), self.sigma) * np.float32(2 * self.alpha)
        columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        return {"map_x": shifts[..., 0] + columns, "map_y": shifts[..., 1] + rows}
