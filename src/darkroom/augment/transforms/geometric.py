"""Flips, turns, crops and bends; masks move with the image, always by nearest pixel. See also `affine`."""

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

from darkroom.augment.options import Amount, Chance, Fill, OfflineInterpolation
from darkroom.augment.transforms import border
from darkroom.registry import register
from darkroom.settings import Probability


@register("transform", "hflip")
def hflip(*, p: Annotated[Probability, Field(description="how often it is applied"), Amount("hflip")] = 0.5) -> Any:
    """Mirror left and right."""
    return albumentations.HorizontalFlip(p=p)


@register("transform", "vflip")
def vflip(*, p: Annotated[Probability, Field(description="how often it is applied"), Amount("vflip")] = 0.5) -> Any:
    """Mirror top and bottom."""
    return albumentations.VerticalFlip(p=p)


@register("transform", "rotate90")
def rotate90(
    size: tuple[int, int],
    *,
    turns: Annotated[
        Annotated[list[Literal[1, 2, 3]], Field(min_length=1)] | None,
        Field(description="quarter turns to choose from. Left out: all three, or only [2] for oblong images"),
    ] = None,
    p: Annotated[Probability, Field(description="how often it is applied"), Amount("rotate")] = 0.5,
) -> Any:
    """Rotate by quarter turns, with no loss of pixels."""
    square = size[0] == size[1]
    if turns and not square and set(turns) != {2}:
        raise ValueError(
            f"rotate90 with turns {turns} would change the size of images of {size[0]}x{size[1]} pixels; "
            "set its turns to [2] or leave them out, or make the images square with data.size"
        )
    return QuarterTurns(turns or ((1, 2, 3) if square else (2,)), p=p)


class QuarterTurns(albumentations.DualTransform):
    """Rotate counter-clockwise by one of these numbers of quarter turns; Albumentations' own draws from all four."""

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, turns: Sequence[int], *, p: float) -> None:
        super().__init__(p=p)
        self.turns = turns

    def get_params(self) -> dict[str, Any]:
        """Draw how many."""
        return {"turns": self.py_random.choice(self.turns)}

    def apply(self, img: NDArray[np.uint8], turns: int, **_: Any) -> NDArray[np.uint8]:
        """Turn an image (H, W, C), or a mask (H, W)."""
        return np.rot90(img, turns)

    apply_to_mask = apply


@register("transform", "crop")
def crop(
    size: tuple[int, int],
    *,
    area: Annotated[
        float,
        Field(gt=0, le=1, description="smallest share of the image's area that is kept"),
        Amount("crop", neutral=1.0),
    ] = 0.7,
    ratio: Annotated[
        float, Field(ge=1, le=4, description="largest change of the aspect ratio"), Amount("aspect", neutral=1.0)
    ] = 1.2,
    interpolation: Annotated[
        Literal["nearest", "linear", "cubic", "area"], Field(description="nearest keeps small images sharp")
    ] = "nearest",
    p: Chance = 1.0,
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
    scale: Annotated[
        float,
        Field(gt=0, lt=0.5, description="how far corners move in at most, as a share of the sides"),
        Amount("perspective"),
    ] = 0.1,
    interpolation: OfflineInterpolation = "nearest",
    p: Chance = 0.5,
) -> Any:
    """View the image at a slant: each corner moves in by a random amount."""
    return Perspective(scale, border.INTERPOLATIONS[interpolation], p=p)


class Perspective(albumentations.DualTransform):
    """Stretch a quadrilateral of the image to its full size.

    Albumentations' own moves corners by normal draws folded at 0.32, so that it has no largest distance.
    """

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, scale: float, flag: int, *, p: float) -> None:
        super().__init__(p=p)
        self.scale, self.flag = scale, flag

    def get_params(self) -> dict[str, Any]:
        """Draw how far each corner moves in: (4, 2) shares of width and height, clockwise from the top left."""
        return {"corners": self.random_generator.random((4, 2)) * self.scale}

    def apply(self, img: NDArray[np.uint8], corners: NDArray[np.float64], **_: Any) -> NDArray[np.uint8]:
        """Warp an image (H, W, C)."""
        return self._warp(img, corners, self.flag)

    def apply_to_mask(self, mask: NDArray[np.uint8], corners: NDArray[np.float64], **_: Any) -> NDArray[np.uint8]:
        """Warp a mask (H, W) in the same way, by nearest pixel."""
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
    displacement: Annotated[
        float,
        Field(gt=0, le=0.5, description="typical shift in the middle, as a share of the shorter side; edges move more"),
        Amount("elastic"),
    ] = 0.03,
    sigma: Annotated[
        float,
        Field(
            gt=0,
            le=0.5,
            description="smoothness of the shifts, as a share of the shorter side; at least a pixel",
        ),
    ] = 0.14,
    fill: Fill = "reflect",
    interpolation: OfflineInterpolation = "nearest",
    p: Chance = 0.5,
) -> Any:
    """Shift every pixel along a smooth random field (Simard et al. 2003)."""
    side = min(size)
    pixels = max(1.0, sigma * side)  # Albumentations takes no less
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
