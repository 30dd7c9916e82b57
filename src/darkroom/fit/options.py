"""Option types that optimizers and schedules share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

AUTO: Literal["auto"] = "auto"
"""In place of a learning rate: `classify lr_range` finds it."""
LearningRate = Annotated[float, Field(gt=0, strict=True)] | Literal["auto"]
"""A learning rate, or `auto`."""
Warmup = Annotated[float, Field(ge=0, lt=1)]
"""A share of the run that leaves steps for the rest of the schedule."""
