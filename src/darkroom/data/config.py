"""The `data` section: where the images come from, what size they get, how they are split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.registry import Plugin
from darkroom.settings import Count, Name, NonNegative, Section, Seed


class Split(Section):
    """How items without a split of their own are divided: stratified by class, duplicates kept together."""

    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for validation: thresholds, temperature, curves."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for the test, which nothing is fitted to."""
    seed: Seed = 0
    """Seed of the draw."""

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.val + self.test >= 1:
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
