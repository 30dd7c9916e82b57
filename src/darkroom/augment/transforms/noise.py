"""Noise and blur: what a worse camera would have seen."""

from __future__ import annotations

from typing import Annotated, Any

import albumentations
from pydantic import Field

from darkroom.registry import register
from darkroom.settings import Probability


@register("transform", "gauss_noise")
def gauss_noise(
    *,
    std: Annotated[
        float, Field(gt=0, le=1, description="largest standard deviation, as a share of the full range")
    ] = 0.1,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.3,
) -> Any:
    """Add Gaussian noise to every pixel and channel."""
    return albumentations.GaussNoise(std_range=(0.0, std), p=p)


@register("transform", "gauss_blur")
def gauss_blur(
    *,
    sigma: Annotated[float, Field(gt=0, le=20, description="largest width of the Gaussian, in pixels")] = 1.0,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.3,
) -> Any:
    """Soften by a Gaussian of random width."""
    return albumentations.GaussianBlur(sigma_limit=(sigma / 4, sigma), p=p)
