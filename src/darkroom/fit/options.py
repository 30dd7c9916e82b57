"""Option types that optimizers and schedules share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

AUTO: Literal["auto"] = "auto"
"""In place of a learning rate: `classify lr_range` finds it."""
LearningRate = Annotated[float, Field(gt=0, strict=True)] | Literal["auto"]
"""A learning rate, or `auto`."""
