"""The `data` section: where the images come from, what size they get, how they are split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.registry import Plugin
from darkroom.settings import Count, Name, NonNegative, Section, Seed


class Split(Section):
    """How items without a split of their own are divided: stratified by class, copies and near-duplicates kept together."""

    method: Literal["random", "kfold", "leave_one_group_out"] = "random"
    """How the test part is chosen: a random share; one of `folds` equal parts, so that runs with each `fold` test every
    image once; or all of one `group` of the source. The last two need a source without a test part of its own."""
    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for validation: thresholds, temperature, curves. Of those left beside the test part, where that
    is not random."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for the test, which nothing is fitted to. Of `random` alone."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Of `kfold`: how many parts the items are divided into, each with the same share of every class."""
    fold: Seed = 0
    """Of `kfold`: which part is the test, from 0 to folds - 1."""
    group: str | None = None
    """Of `leave_one_group_out`: the group that is the test, as the source names it (a patient, a place, a camera)."""
    seed: Seed = 0
    """Seed of the draw."""
    near_duplicates: bool = True
    """Look for images of one object photographed twice, and keep them in one split. The limit of likeness follows from
    the set itself; the data card shows what was found."""
    long_tail: Annotated[float, Field(ge=1)] | None = None
    """Cut the training images to a long tail: the last class keeps 1/long_tail of what the first has, with even steps in
    the logarithm between (Cui et al. 2019). For experiments with unbalanced classes; validation and test stay whole."""
    keep: dict[str, Count] = {}
    """The most training images of a class, by class name; the others are left out. Validation and test stay whole."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.method != "kfold" and (self.folds, self.fold) != (5, 0):
            raise ValueError(f"folds and fold are of method: kfold; the method is {self.method}")
        if self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}; with folds: {self.folds} it goes from 0 to {self.folds - 1}")
        if self.method == "leave_one_group_out" and self.group is None:
            raise ValueError("method leave_one_group_out needs group: the name of the group that is the test")
        if self.method != "leave_one_group_out" and self.group is not None:
            raise ValueError(f"group is of method: leave_one_group_out; the method is {self.method}")
        if self.method != "random" and self.test != 0.1:
            raise ValueError(f"test is of method: random; with {self.method} it is one part, whatever its share")
        if self.method == "random" and self.val + self.test >= 1:
            raise ValueError(
                f"val + test is {self.val + self.test:g}; it must be below 1, so that some are left to train on"
            )
        return self


class Images(Section):
    """Which images, at what size, in which parts."""

    source: Annotated[Section, Plugin("source")]
    """Where the images come from; see the sources below."""
    size: Count | tuple[Count, Count] | None = None
    """Side in pixels (or height, width) of all images. Left out: their own size when all agree, else 64."""
    resize: Literal["pad", "crop", "stretch"] = "pad"
    """How an image of another shape is fitted: whole with borders, filled and cut, or distorted."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Gray or RGB; `auto` is gray when every image is."""
    split: Split = Split()
    """How to divide the items that come without a split."""


class Data(Images):
    """One set of images."""

    label_preserving: dict[str, bool | NonNegative] = {}
    """What keeps the labels of these images, by operation: `hflip: false` never does, `rotate: 15` up to 15 degrees. A
    policy that goes further is an error, unless its `allow_label_breaking` names the operation."""


class FetchSpec(Section):
    """The job `data fetch`."""

    source: Annotated[Section, Plugin("source")]
    fingerprint: str | None = None
    """Of the files at the source's local path, so that a changed image is seen."""


class PrepareSpec(Images):
    """The job `data prepare`."""

    name: Name
