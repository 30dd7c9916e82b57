"""Transforms of brightness; they leave every pixel, and so every mask, where it is."""

from __future__ import annotations

from typing import Annotated, Any

import albumentations
from pydantic import Field

from darkroom.registry import register
from darkroom.settings import Probability


@register("transform", "brightness_contrast")
def brightness_contrast(
    *,
    brightness: Annotated[
        float, Field(ge=0, le=1, description="largest change, either way, as a share of the full range")
    ] = 0.2,
    contrast: Annotated[float, Field(ge=0, le=1, description="largest relative change, either way")] = 0.2,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Brighten or darken, and raise or lower the contrast."""
    return albumentations.RandomBrightnessContrast(brightness_limit=brightness, contrast_limit=contrast, p=p)


@register("transform", "gamma")
def gamma(
    *,
    gamma: Annotated[float, Field(gt=1, le=5, description="largest exponent; the smallest is one over it")] = 1.3,
    p: Annotated[Probability, Field(description="how often it is applied")] = 0.5,
) -> Any:
    """Raise brightness to a random power: below 1 it lifts the dark parts, above 1 it deepens them."""
    return albumentations.RandomGamma(gamma_limit=(100 / gamma, 100 * gamma), p=p)
