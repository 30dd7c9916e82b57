"""Specs of the jobs that train classifiers on parts of the images: folds, and shares of the training split."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.classify.config import Share, TrainSpec
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


class ShareSpec(TrainSpec):
    """The job `classify share`; the seed also draws the share."""

    share: Share


class Learned(Section):
    """The runs of one classifier on shares of the training images and on all; folders are relative to the classifiers'."""

    policy: str
    model: str
    seeds: list[int]
    shares: list[list[str]]
    """Folders by share, ascending, and seed."""
    evaluations: list[str]
    """Folders of the evaluations on all images, by seed."""


class CurveSpec(Section):
    """The job `classify learning_curve`."""

    classifiers: Annotated[list[Learned], Field(min_length=1)]
    left_out: dict[str, str]
    """Why classifiers have no curve, by name."""
