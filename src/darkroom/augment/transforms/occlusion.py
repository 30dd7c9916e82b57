"""Transforms that hide a part of the image; masks stay, as what is hidden is still there."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import albumentations
import numpy as np
from pydantic import Field

from darkroom.registry import register
from darkroom.settings import Amount, Count, Probability


@register("transform", "cutout")
def cutout(
    *,
    holes: Annotated[Count, Field(description="largest number of holes")] = 1,
    size: Annotated[
        float,
        Field(gt=0, lt=1, description="largest side of a hole, as a share of the image's; the smallest is half"),
        Amount("occlusion"),
    ] = 0.3,
    value: Annotated[int, Field(ge=0, le=255, description="brightness of the holes")] = 0,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Blank out random rectangles (DeVries and Taylor 2017, arXiv 1708.04552)."""
    sides = (size / 2, size)
    return albumentations.CoarseDropout(
        num_holes_range=(1, holes), hole_height_range=sides, hole_width_range=sides, fill=value, p=p
    )


@register("transform", "random_erasing")
def random_erasing(
    *,
    area: Annotated[
        float, Field(gt=0, lt=1, description="largest share of the image's area"), Amount("occlusion")
    ] = 0.33,
    ratio: Annotated[float, Field(ge=1, le=10, description="largest ratio of the sides, either way")] = 3.3,
    fill: Annotated[
        Literal["random", "black"], Field(description="what is put there: noise, a new number in each pixel, or black")
    ] = "random",
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Replace a random rectangle by noise (Zhong et al. 2017, arXiv 1708.04896)."""
    return RandomErasing(area, ratio, fill="random" if fill == "random" else 0, p=p)


class RandomErasing(albumentations.CoarseDropout):
    """One rectangle of random area and shape.

    Albumentations' own cuts the area down to what fits at every shape, and divides by zero for a very small one.
    """

    def __init__(self, area: float, ratio: float, *, fill: Any, p: float) -> None:
        super().__init__(fill=fill, p=p)
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
    cells: Annotated[
        int, Field(ge=1, le=64, description="cells along each side; fewer where they would have less than 4 pixels")
    ] = 4,
    ratio: Annotated[
        float, Field(gt=0, lt=1, description="side of each hole, as a share of its cell's"), Amount("occlusion")
    ] = 0.5,
    value: Annotated[int, Field(ge=0, le=255, description="brightness of the holes")] = 0,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Blank out a hole in every cell of a grid (Chen et al. 2020, arXiv 2001.04086)."""
    return GridDropout(cells, ratio, fill=value, p=p)


class GridDropout(albumentations.CoarseDropout):
    """Holes of one size on a regular grid at a random place in the image.

    Albumentations' own moves each hole by itself, which makes no grid, and fails on cells of one pixel.
    """

    def __init__(self, cells: int, ratio: float, *, fill: int, p: float) -> None:
        super().__init__(fill=fill, p=p)
        self.cells, self.ratio = cells, ratio

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw where the grid begins."""
        starts, ends = [], []
        for side in reversed(params["shape"][:2]):
            cells = max(1, min(self.cells, side // 4))
            offset = self.py_random.random() - 1
            first = np.round((np.arange(cells + 1) + offset) * side / cells).astype(np.int32)
            starts.append(np.clip(first, 0, side))
            ends.append(np.clip(first + round(self.ratio * side / cells), 0, side))
        across, down = (np.stack([a, b], axis=1) for a, b in zip(starts, ends, strict=True))
        holes = np.array([[x, y, to_x, to_y] for y, to_y in down for x, to_x in across], np.int32)
        seen = (holes[:, 2] > holes[:, 0]) & (holes[:, 3] > holes[:, 1])
        return {"holes": holes[seen], "seed": 0}
