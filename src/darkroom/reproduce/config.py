"""Specs of the jobs of `reproduce`. Experiments and published values are in `published/*.yaml`, as `published.py` reads them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from darkroom.classify.config import Classifier
from darkroom.data.config import Images, Split
from darkroom.fit.config import Seeds, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Section, Sha256


class Experiment(Section):
    """What all experiments have: data of known content, and seeds."""

    sha256: Sha256 | None = None
    """Of the data, see `contents.digest`; filled in from the file's `data`."""
    seeds: Seeds = (0,)

    @property
    @abstractmethod
    def path(self) -> str | None:
        """The file or folder that the experiment reads; None for data that comes with a Python package."""


class DetectSpec(Experiment):
    """The job `reproduce detect`: detectors of anomalies in a table, on ADBench's splits."""

    table: str
    """An .npz file with X and y."""
    detectors: Annotated[list[Annotated[Section, Plugin("detector")]], Field(min_length=1)]

    @property
    def path(self) -> str:
        """The table."""
        return self.table


class Trained(Experiment, Images):
    """What experiments with classifiers have: data as a config's `data`, and models as its `classify.models`."""

    split: Split = Split(val=0)
    models: dict[str, Classifier] = {}

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, value: Any) -> Any:
        return inherit(value, "models", "network")

    @property
    def path(self) -> str | None:
        """The source's file or folder."""
        return getattr(self.source, "path", None)


class ClassifySpec(Trained):
    """The job `reproduce classify`: accuracy of classifiers on the test split; a random one is drawn anew for each seed."""

    train: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the items, in file order, to train on; the others are tested. Default: the split."""
    features: Literal["pixels", "hog"] | None = None
    """What networks and heads get in place of images: rows of a table of pixels from 0 to 1, or of oriented gradients."""
    heads: list[Annotated[Section, Plugin("head")]] = []
    """Fitted to the features, beside the models."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.models or self.heads):
            raise ValueError("expected models or heads")
        if self.heads and self.features is None:
            raise ValueError("heads needs features: pixels or hog")
        return self


class GainSpec(Trained):
    """The job `reproduce gain`: what copies of few texts bring."""

    texts: Count
    """Training texts, drawn for each seed."""
    copies: Count
    """Copies of each."""
    transform: Annotated[Section, Plugin("transform")]


Share = Annotated[str, Field(pattern=r"^[+-]?\d*\.\d+$")]
"""A published number with the source's number of digits: `0.912` for 91.2 %; with a sign if it is a difference."""


class Value(Section):
    """A published value, and where ours is in the results of an experiment."""

    key: str
    published: Share
    source: str
    url: str
    differs: str = ""
    """How our method or protocol differs."""
    formula: str | None = None
    """Key of a result by the source's own formula, if ours is another."""


class Shown(Section):
    """An experiment as the page shows it."""

    name: str
    title: str
    folder: str
    """Of its results, below that of all experiments."""
    path: str | None
    get: str
    """The command that gets the data."""
    absent: bool
    """Whether the data is not there."""
    values: list[Value]


class Chapter(Section):
    """A part of the page."""

    title: str
    about: str
    experiments: list[Shown]


class PageSpec(Section):
    """The job `reproduce page`."""

    chapters: list[Chapter]
