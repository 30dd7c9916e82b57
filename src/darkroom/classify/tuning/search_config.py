"""Specs of the jobs of a search."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from darkroom.classify.config import TrainSpec
from darkroom.classify.tuning.space import Method, Space, Values
from darkroom.settings import Section


class TrialSpec(TrainSpec):
    """The job `classify trial`: the model that is searched, with the values of this trial where they are known."""

    method: Method
    space: Space
    values: Values | None = None
    """Values of the searched keys; None if they follow from earlier trials."""
    earlier: list[str] = []
    """Trials that these values follow from; folders are relative to the search's."""
    trial: Annotated[int, Field(ge=0)]
    """Number of the trial within its round."""
    epochs: int | None = None
    """Epochs to train for. Default: the model's own."""


class SearchSpec(Section):
    """The job `classify search`."""

    method: Method
    space: Space
    rounds: list[list[str]]
    """Trials by round; folders are relative to the search's."""
    model: dict[str, Any]
    """The settings of the model that was searched."""
