"""The `data` section: where the images come from, their size, how they are split."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from darkroom.data.kind import SampleKind
from darkroom.data.target import Kind
from darkroom.registry import Plugin, entry
from darkroom.settings import Count, Name, NonNegative, Section, Seed


class Split(Section):
    """How items without a given split are divided: stratified by class, by label, or by quantiles of numbers; copies and
    near-duplicates are kept together."""

    method: Literal["random", "kfold", "leave_one_group_out"] = "random"
    """How the test split is chosen: a random share; one of `folds` equal parts, so that one run per `fold` tests every
    image once; or all of one `group` of the source. The last two need a source without a test split of its own."""
    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for validation: thresholds, temperature, curves. With methods other than `random`, a share of the
    items outside the test split."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the items for testing, which nothing is fitted to. For `random` only."""
    folds: Annotated[int, Field(ge=2)] = 5
    """For `kfold`: the number of parts, stratified as above."""
    fold: Seed = 0
    """For `kfold`: the part to test on, from 0 to folds - 1."""
    group: str | None = None
    """For `leave_one_group_out`: the group to test on, as the source names it (a patient, a place, a camera)."""
    held_out: Literal["val", "test"] | None = None
    """What the one part is used for that the source's own split holds out from training, whatever the source calls it; the
    other part is drawn from the training images. Default: what the source calls it."""
    seed: Seed = 0
    """Seed of the random split."""
    near_duplicates: bool = True
    """Find images of one object photographed twice, and keep them in one split. The similarity threshold follows from the
    set itself; the data card shows what was found."""
    regroup: bool = False
    """Move copies, near-duplicates and groups that the source's own splits separate into one of these splits, which keep
    their sizes. The remedy for a benchmark whose test images have a twin in training; no longer its official split."""
    long_tail: Annotated[float, Field(ge=1)] | None = None
    """Subsample the training images to a long tail: the last class keeps 1/long_tail of the first one's count, with
    log-uniform steps between (Cui et al. 2019). For experiments with unbalanced classes; validation and test stay whole."""
    keep: dict[str, Count] = {}
    """Maximum number of training images per class, by class name. Validation and test stay whole."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.method != "kfold" and (self.folds, self.fold) != (5, 0):
            raise ValueError(f"folds and fold belong to method: kfold; the method is {self.method}")
        if self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}; with folds: {self.folds} it must be between 0 and {self.folds - 1}")
        if self.method == "leave_one_group_out" and self.group is None:
            raise ValueError("method leave_one_group_out needs group: the name of the group to test on")
        if self.method != "leave_one_group_out" and self.group is not None:
            raise ValueError(f"group belongs to method: leave_one_group_out; the method is {self.method}")
        if self.method != "random" and self.test != 0.1:
            raise ValueError(f"test belongs to method: random; with {self.method} the test split is one whole part")
        if self.method == "random" and self.val + self.test >= 1:
            raise ValueError(
                f"val + test is {self.val + self.test:g}; it must be below 1, so that images are left to train on"
            )
        return self


class LabelBudget(Section):
    """How many labels of the training images are known: a share or a number per class. The others are hidden."""

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of each class's labels that stay known, at least one."""
    per_class: Count | None = None
    """Number of labels per class that stay known."""
    seed: Seed = 0
    """Seed of the choice. With the same seed, more labels include those of fewer."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.share is None) == (self.per_class is None):
            both = "both" if self.share is not None else "neither"
            raise ValueError(f"set share or per_class, to say how many labels stay known; got {both}")
        return self


class Images(Section):
    """Which images, at what size, in which splits."""

    source: Annotated[Section, Plugin("source")]
    """Where the images come from; see the sources below."""
    size: Count | tuple[Count, Count] | None = None
    """Side in pixels (or height, width) of all images. Default: their own size if all agree, else 64."""
    resize: Literal["pad", "crop", "stretch"] = "pad"
    """How an image of another shape is fitted: padded with borders, cropped to fill, or stretched."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Gray or RGB; `auto` is gray if every image is."""
    split: Split = Split()
    """How to divide the items that come without a split."""
    labels: Annotated[LabelBudget | None, Field(exclude_if=lambda budget: budget is None)] = None
    """Hide labels of training images, for experiments with few labels. Hidden labels are used for nothing but comparisons;
    validation and test images keep theirs, and so does an image that `corrections` names. Default: nothing is hidden."""

    @property
    def kind(self) -> SampleKind:
        """What the samples are, as the source says."""
        return cast(SampleKind, entry(*self.source.plugin).gives)  # type: ignore[attr-defined]

    @property
    def target(self) -> Kind:
        """What there is to predict for an image, as the source's options say."""
        if getattr(self.source, "labels", None) is not None:
            return "labels"
        return "class" if getattr(self.source, "numbers", None) is None else "numbers"


class Data(Images):
    """One set of images."""

    corrections: str | None = None
    """A CSV file with the columns id and label: images whose label is wrong, and the right class, or `drop` to leave the image
    out. Splits stay as they are without it."""
    largest_side: Count = 4096
    """Largest side in pixels that `size` may have: a guard against typing errors."""
    label_preserving: dict[str, bool | NonNegative] = {}
    """Which operations preserve the labels: `hflip: false` never does, `rotate: 15` does up to 15 degrees. A policy that
    goes further is an error unless its `allow_label_breaking` names the operation."""


class FetchSpec(Section):
    """The job `data fetch`."""

    source: Annotated[Section, Plugin("source")]
    fingerprint: str | None = None
    """Hash of the files at the source's local path, so that a changed image is noticed."""


class PrepareSpec(Images):
    """The job `data prepare`."""

    name: Name
    corrected: dict[str, str] = {}
    """What `corrections` holds: the label, or `drop`, by id."""


class AttributesSpec(Section):
    """The job `data attributes`."""

    source: Annotated[Section, Plugin("source")]


class CardSpec(Section):
    """The job `data card`, which has no settings."""
