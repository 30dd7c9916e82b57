"""The `augment` section: offline policies by name. The policy `none` always exists and changes nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.registry import Plugin
from darkroom.settings import Count, Section, Seed

NONE = "none"


class Policy(Section):
    """What is done to the training images before training: every image gets some transformed copies."""

    copies: Count = 8
    """Transformed copies of each training image. An epoch draws one variant of each image, copies or original."""
    transforms: Annotated[list[Annotated[Section, Plugin("transform")]], Field(min_length=1, validate_default=True)] = [
        {"name": "affine"}  # type: ignore[list-item]
    ]
    """Applied in this order, each with its own probability."""
    seed: Seed = 0
    """Seed of all draws."""


class ApplySpec(Policy):
    """The job `augment apply`."""
