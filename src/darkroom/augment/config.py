"""The `augment` section: policies by name. The policy `none` always exists and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from darkroom.registry import Plugin, entries
from darkroom.settings import Name, Positive, Probability, Section, Seed, unique

NONE = "none"
MIXING = ("mixup", "cutmix")
"""Batch transforms that mix labels; the audit skips them."""

STRONGEST = 2.0
"""Maximum factor by which balancing strengthens the transforms of rare classes."""

Strength = Annotated[float, Field(ge=0, le=4)]
Offline = Annotated[list[Annotated[Section, Plugin("transform")]], Field(validate_default=True)]
Imbalance = Annotated[Section, Plugin("remedy")] | None
Online = Annotated[list[Annotated[Section, Plugin("batch transform")]], Field(validate_default=True)]


class ClassSettings(Section):
    """Overrides for the images of one class."""

    copies: Annotated[int, Field(ge=0)] | None = None
    """Transformed copies per image. Default: the policy's, or with `balance` as many as balance the classes."""
    strength: Strength | dict[Name, Strength] = 1.0
    """Factor on the magnitudes of all transforms, or one factor per transform name; 0 disables a transform."""


class Synthetic(Section):
    """Samples from a generative model instead of transformed copies, up to balanced classes."""

    model: Name
    """One of `generate.models`; it must be class-conditional."""
    seed: Seed = 0
    """Training run of the model, one of `generate.seeds`; also the seed for sampling."""
    images: Annotated[int, Field(ge=2)] | None = None
    """Total images per class, real and sampled. Default: the size of the largest class."""
    confidence: Probability = 0.5
    """Reject samples to whose class the classifier of `generate.judge`, trained on the same images, assigns a lower
    probability."""
    distance: Positive = 2.0
    """Reject samples farther from the nearest training image of their class, in that classifier's features, than this
    multiple of the median distance between those images and their own nearest neighbors."""


class Policy(Section):
    """Augmentation of training images: transformed copies made in advance, and transforms of each training batch."""

    copies: Annotated[int, Field(ge=0)] = 8
    """Transformed copies per training image. An epoch takes one variant of each image: the original or a copy."""
    offline: Offline = []
    """Transforms of the copies, in order, each with its own probability. Default: none; for images `affine`, unless `online`,
    `imbalance` or `synthetic` is set."""
    online: Online = []
    """Transforms of each training batch, in order, on the training device, redrawn for every image and epoch."""
    classes: dict[str, ClassSettings] = {}
    """Overrides per class, by class name."""
    balance: bool = False
    """Balance the classes: more copies of rare ones, with stronger transforms, and equally many images per class in an
    epoch. A class with 1/r of the largest one's images gets strength r^(1/4), at most 2."""
    synthetic: Synthetic | None = None
    """Samples from a generative model; an epoch then has equally many images per class, real or sampled."""
    imbalance: Imbalance = None
    """Remedy for unequal classes, in the loss or in the sampling. An epoch has the same number of images with each."""
    allow_label_breaking: Annotated[list[str], AfterValidator(unique)] = []
    """Operations to allow although `data.label_preserving` excludes them."""
    seed: Seed = 0
    """Seed of the offline transforms."""

    @model_validator(mode="before")
    @classmethod
    def _default(cls, value: Any) -> Any:
        value = {} if value is None else value
        if not isinstance(value, Mapping):
            return value
        if "offline" not in value and not {"online", "imbalance", "synthetic"} & value.keys():
            return {**value, "offline": ["affine"]}
        if not {"balance", "copies", "classes"} & value.keys() and makes_rows(value.get("offline")):
            return {**value, "balance": True, "copies": 0}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.synthetic and (self.offline or self.balance or self.imbalance):
            raise ValueError(
                "synthetic replaces the copies and balances the classes itself; remove offline, balance and imbalance"
            )
        if self.balance and self.imbalance:
            raise ValueError("balance and imbalance both balance the classes; keep one of them")
        if self.balance and not self.offline:
            raise ValueError("balance makes offline copies; it needs at least one transform in offline")
        if self.offline and not (self.copies or self.balance or any(c.copies for c in self.classes.values())):
            raise ValueError("copies is 0, so no transform in offline is ever applied; raise it, or remove offline")
        if not (self.offline or self.online or self.imbalance or self.synthetic):
            raise ValueError("this policy changes nothing; add a transform to offline or online, or use none")
        if late := [step for step in self.offline[1:] if makes_rows([step])]:
            name = late[0].name  # type: ignore[attr-defined]
            raise ValueError(
                f"{name} makes rows instead of changing copies; keep one such transform, the first in offline"
            )
        names = {step.name for step in (*self.offline, *self.online)}  # type: ignore[attr-defined]
        for label, settings in self.classes.items():
            if isinstance(settings.strength, dict) and (strange := sorted(settings.strength.keys() - names)):
                raise ValueError(
                    f'classes["{label}"].strength names {", ".join(strange)}, which the policy does not use; '
                    f"its transforms are {', '.join(sorted(names))}"
                )
        consistent = [step for step in self.online if getattr(step, "consistency", 0)]
        mixing = [step.name for step in self.online if step.name in MIXING]  # type: ignore[attr-defined]
        if consistent and mixing:
            raise ValueError(f"the consistency loss of augmix compares views of one image; remove {mixing[0]}")
        return self

    @property
    def apply_spec(self) -> ApplySpec:
        """The spec of `augment apply`."""
        return self.copied_by("image")

    def copied_by(self, maker: str) -> ApplySpec:
        """Return the spec of `augment apply` for the kind of samples that a copy maker of that name takes."""
        own = ApplySpec.model_fields.keys() - {"maker", "folders"}
        return ApplySpec(**{name: getattr(self, name) for name in own}, maker=maker)

    @property
    def online_spec(self) -> OnlineSpec:
        """The part of the policy applied in training."""
        found = {name: getattr(self, name) for name in OnlineSpec.model_fields}
        return OnlineSpec(**found | ({"imbalance": {"name": "oversampling"}} if self.synthetic else {}))


def makes_rows(offline: Any) -> bool:
    """Return whether the first of some transforms makes new rows of a class instead of changing copies."""
    first = offline[0] if isinstance(offline, list | tuple) and offline else None
    name = first.get("name") if isinstance(first, Mapping) else getattr(first, "name", first)
    known = entries("transform")
    return isinstance(name, str) and name in known and bool(known[name].constants.get("MAKES"))


class ApplySpec(Section):
    """The job `augment apply`: the offline part of a policy."""

    maker: Annotated[Section, Plugin("copy maker")]

    copies: int
    offline: Offline
    classes: dict[str, ClassSettings]
    balance: bool
    seed: int
    folders: Annotated[dict[str, str | None], Field(exclude_if=lambda folders: not folders)] = {}
    """Hashes of the local folders that transforms read, so that a changed file is noticed."""


class SheetSpec(Section):
    """The job `augment sheet`, which has no settings."""


class GallerySpec(Section):
    """The job `augment gallery`: the techniques to show, with their options."""

    offline: Offline
    online: Online


class OnlineSpec(Section):
    """The part of a policy applied in training."""

    online: Online = []
    classes: dict[str, ClassSettings] = {}
    balance: bool = False
    imbalance: Imbalance = None
