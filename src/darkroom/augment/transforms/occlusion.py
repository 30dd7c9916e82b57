"""Transforms that hide part of the image; masks stay unchanged, since hidden defects are still there."""

from __future__ import annotations

import math
from typing import Any

import albumentations
import numpy as np
from numpy.typing import NDArray

from darkroom.augment.options import Chance, ErasedArea, ErasedRatio, GridCell, GridRatio, Holes, HoleSize, HoleValue
from darkroom.registry import register


@register("transform", "cutout")
def cutout(
    *,
    holes: Holes = 1,
    size: HoleSize = 0.3,
    value: HoleValue = 0,
    p: Chance = 0.5,
) -> Any:
    """Blank out random squares, centered anywhere and clipped (DeVries & Taylor 2017, arXiv 1708.04552)."""
    return Cutout(holes, size, value, p=p)


class Cutout(albumentations.CoarseDropout):
    """Squares centered anywhere in the image and clipped at its border, as in the paper.

    Their side is fixed in the paper; here it is random, from half the maximum. Albumentations' version keeps rectangles
    inside the image.
    """

    def __init__(self, squares: int, size: float, value: int, *, p: float) -> None:
        super().__init__(fill=value, p=p)
        self.squares, self.size = squares, size

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the squares as (left, top, right, bottom) in pixels."""
        height, width = params["shape"][:2]
        holes = []
        for _ in range(self.py_random.randint(1, self.squares)):
            side = max(1, round(self.py_random.uniform(self.size / 2, self.size) * min(height, width)))
            top, left = (round(self.py_random.uniform(0, length) - side / 2) for length in (height, width))
            holes.append([max(0, left), max(0, top), min(width, left + side), min(height, top + side)])
        return {"holes": np.array(holes, np.int32), "seed": self.random_generator.integers(0, 2**32 - 1)}


@register("transform", "random_erasing")
def random_erasing(
    *,
    area: ErasedArea = 0.33,
    ratio: ErasedRatio = 3.3,
    p: Chance = 0.5,
) -> Any:
    """Replace a random rectangle with random pixels (Zhong et al. 2017, arXiv 1708.04896)."""
    return RandomErasing(area, ratio, p=p)


class RandomErasing(albumentations.CoarseDropout):
    """One rectangle of random area and aspect ratio, filled with noise.

    Albumentations' version limits the area to what fits at every aspect ratio, and divides by zero for tiny areas.
    """

    def __init__(self, area: float, ratio: float, *, p: float) -> None:
        super().__init__(fill="random", p=p)
        self.area, self.ratio = area, ratio

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the rectangle: its area, from a sixteenth of the maximum, and the logarithm of its aspect ratio, uniformly."""
        height, width = params["shape"][:2]
        draw, bound = self.py_random, math.log(self.ratio)
        area = draw.uniform(self.area / 16, self.area) * height * width
        shape = math.exp(draw.uniform(-bound, bound))
        high = min(round(math.sqrt(area * shape)), height)
        wide = min(round(math.sqrt(area / shape)), width)
        top, left = draw.randint(0, height - high), draw.randint(0, width - wide)
        holes = np.array([[left, top, left + wide, top + high]], np.int32)
        return {"holes": holes, "seed": self.random_generator.integers(0, 2**32 - 1)}


@register("transform", "grid_dropout")
def grid_dropout(
    *,
    ratio: GridRatio = 0.5,
    cell: GridCell = 0.5,
    p: Chance = 0.5,
) -> Any:
    """Blank out a square in each cell of a randomly sized and placed grid (Chen et al. 2020, arXiv 2001.04086)."""
    return GridDropout(ratio, cell, p=p)


class GridDropout(albumentations.ImageOnlyTransform):
    """Black squares on a regular grid. Albumentations' version shifts each hole individually, which makes no grid."""

    def __init__(self, ratio: float, cell: float, *, p: float) -> None:
        super().__init__(p=p)
        self.ratio, self.cell = ratio, cell

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the grid: the side of a cell and of its square, and the offset of the first cell, in pixels."""
        largest = self.cell * min(params["shape"][:2])
        draw = self.py_random
        cell = max(2, round(draw.uniform(largest / 2, largest)))
        return {
            "cell": cell,
            "hole": min(cell - 1, round(self.ratio * cell)),
            "x": draw.randrange(cell),
            "y": draw.randrange(cell),
        }

    def apply(self, img: NDArray[np.uint8], cell: int, hole: int, x: int, y: int, **_: Any) -> NDArray[np.uint8]:
        """Apply the grid to an image (H, W, C)."""
        down, across = ((np.arange(side) + start) % cell < hole for side, start in zip(img.shape, (y, x), strict=False))
        hidden = down[:, None] & across
        return np.where(hidden[..., None], np.uint8(0), img)
