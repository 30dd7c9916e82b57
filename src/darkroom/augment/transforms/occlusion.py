"""Transforms that hide a part of the image; masks stay, as what is hidden is still there."""

from __future__ import annotations

from typing import Annotated, Any

import albumentations
from pydantic import Field

from darkroom.registry import register
from darkroom.settings import Count, Probability


@register("transform", "cutout")
def cutout(
    *,
    holes: Annotated[Count, Field(description="largest number of holes")] = 1,
    size: Annotated[
        float, Field(gt=0, lt=1, description="largest side of a hole, as a share of the image's; the smallest is half")
    ] = 0.3,
    value: Annotated[int, Field(ge=0, le=255, description="brightness of the holes")] = 0,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Blank out random rectangles (DeVries and Taylor 2017, arXiv 1708.04552)."""
    sides = (size / 2, size)
    return albumentations.CoarseDropout(
        num_holes_range=(1, holes), hole_height_range=sides, hole_width_range=sides, fill=value, p=p
    )
