"""The `augment` section: offline policies by name. The policy `none` always exists and changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from darkroom.registry import Plugin
from darkroom.settings import Count, Section

NONE = "none"


class Policy(Section):
    """What is done to the training images before training: every image gets some transformed copies."""

    copies: Count = 8
    """Transformed copies of each training image. An epoch draws one variant of each image, copies or original."""
    transforms: Annotated[list[Annotated[Section, Plugin("transform")]], Field(min_length=1, validate_default=True)] = [
        {"name": "affine"}  # type: ignore[list-item]
    ]
    """Applied in this order, each with its own probability."""
    seed: int = 0
    """Seed of all draws."""

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value


class ApplySpec(Policy):
    """The job `augment apply`."""
