"""Transforms that hide a part of the image; masks stay, as what is hidden is still there."""

from __future__ import annotations

import math
from typing import Annotated, Any

import albumentations
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.augment.options import Amount, Chance
from darkroom.registry import register
from darkroom.settings import Count


@register("transform", "cutout")
def cutout(
    *,
    holes: Annotated[Count, Field(description="largest number of squares")] = 1,
    size: Annotated[
        float,
        Field(gt=0, lt=1, description="largest side of a square, as a share of the shorter side; the smallest is half"),
        Amount("occlusion"),
    ] = 0.3,
    value: Annotated[int, Field(ge=0, le=255, description="brightness of the squares")] = 0,
    p: Chance = 0.5,
) -> Any:
    """Blank out random squares, centered anywhere and clipped (DeVries & Taylor 2017, arXiv 1708.04552)."""
    return Cutout(holes, size, value, p=p)


class Cutout(albumentations.CoarseDropout):
    """Squares centered anywhere in the image and clipped at its border, as in the paper.

    There the side is fixed; here it is drawn, from half the largest on. Albumentations' own places rectangles wholly
    inside.
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
    area: Annotated[
        float, Field(gt=0, lt=1, description="largest share of the image's area"), Amount("occlusion")
    ] = 0.33,
    ratio: Annotated[float, Field(ge=1, le=10, description="largest ratio of the sides, either way")] = 3.3,
    p: Chance = 0.5,
) -> Any:
    """Replace a random rectangle by noise (Zhong et al. 2017, arXiv 1708.04896)."""
    return RandomErasing(area, ratio, p=p)


class RandomErasing(albumentations.CoarseDropout):
    """One rectangle of random area and shape, filled with noise.

    Albumentations' own cuts the area down to what fits at every shape, and divides by zero for a very small one.
    """

    def __init__(self, area: float, ratio: float, *, p: float) -> None:
        super().__init__(fill="random", p=p)
        self.area, self.ratio = area, ratio

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the rectangle: its area from a sixteenth of the largest on, and the logarithm of its shape, evenly."""
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
    ratio: Annotated[
        float, Field(gt=0, lt=1, description="side of a square, as a share of its cell's"), Amount("occlusion")
    ] = 0.5,
    cell: Annotated[
        float,
        Field(gt=0, le=1, description="largest side of a cell, as a share of the shorter side; the smallest is half"),
    ] = 0.5,
    p: Chance = 0.5,
) -> Any:
    """Blank out a square in each cell of a grid of random cell size and place (Chen et al. 2020, arXiv 2001.04086)."""
    return GridDropout(ratio, cell, p=p)


class GridDropout(albumentations.ImageOnlyTransform):
    """Black squares in regular order. Albumentations' own moves each hole by itself, which makes no grid."""

    def __init__(self, ratio: float, cell: float, *, p: float) -> None:
        super().__init__(p=p)
        self.ratio, self.cell = ratio, cell

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the grid: the side of a cell, of its square, and where the first cell begins, in pixels."""
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
        """Change an image (H, W, C)."""
        down, across = ((np.arange(side) + start) % cell < hole for side, start in zip(img.shape, (y, x), strict=False))
        hidden = down[:, None] & across
        return np.where(hidden[..., None], np.uint8(0), img)
