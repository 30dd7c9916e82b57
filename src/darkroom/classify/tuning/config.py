"""Specs of the jobs that cross-validate classifiers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.classify.config import TrainSpec
from darkroom.settings import Section


class FoldSpec(TrainSpec):
    """The job `classify fold`; the seed also draws the folds."""

    folds: Annotated[int, Field(ge=2)]
    """Number of folds."""
    fold: Annotated[int, Field(ge=0)]
    """The fold that is held out."""


class FoldResult(Section):
    """One trained fold; its folder is relative to the classifiers'."""

    seed: int
    fold: int
    folder: str


class Validated(Section):
    """The folds of one classifier, seed by seed."""

    policy: str
    model: str
    folds: list[FoldResult]


class CrossValidateSpec(Section):
    """The job `classify cross_validate`."""

    folds: int
    classifiers: Annotated[list[Validated], Field(min_length=1)]
    left_out: dict[str, str]
    """Why classifiers are not cross-validated, by name."""
