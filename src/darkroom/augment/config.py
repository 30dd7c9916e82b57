"""The `augment` section: policies by name. The policy `none` always exists and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from darkroom.registry import Plugin
from darkroom.settings import Name, Positive, Probability, Section, Seed, unique

NONE = "none"
MIXING = ("mixup", "cutmix")
"""Batch transforms that change labels: no label is there to be kept."""

STRONGEST = 2.0
"""Balancing makes the transforms of rare classes at most so many times stronger."""

Strength = Annotated[float, Field(ge=0, le=4)]
Offline = Annotated[list[Annotated[Section, Plugin("transform")]], Field(validate_default=True)]
Online = Annotated[list[Annotated[Section, Plugin("batch transform")]], Field(validate_default=True)]


class ClassSettings(Section):
    """What is different for the images of one class."""

    copies: Annotated[int, Field(ge=0)] | None = None
    """Transformed copies of each image. Left out: the policy's, or with `balance` as many as even out the classes."""
    strength: Strength | dict[Name, Strength] = 1.0
    """How far transforms go, as a factor of their amounts: for all, or by transform name. 0 switches one off."""


class Synthetic(Section):
    """Copies drawn by a generative model in place of transformed ones, until the classes are even."""

    model: Name
    """Which of `generate.models`; it must be conditioned on classes."""
    seed: Seed = 0
    """Which of its trainings, one of `generate.seeds`; also the seed of the draws."""
    images: Annotated[int, Field(ge=2)] | None = None
    """Images of each class in the end, real and drawn together. Left out: as many as the largest class has."""
    confidence: Probability = 0.5
    """A sample is refused when the classifier of `generate.judge`, trained on the same images, gives its class less than
    this probability."""
    distance: Positive = 2.0
    """A sample is refused when it lies farther from the nearest training image of its class, in that classifier's
    features, than so many times the median distance of those images to their own nearest."""


class Policy(Section):
    """What is done to the training images: transformed copies beforehand, changes of each batch while training."""

    copies: Annotated[int, Field(ge=0)] = 8
    """Transformed copies of each training image. An epoch draws one variant of each image, copies or original."""
    offline: Offline = []
    """Applied to the copies in this order, each with its own probability. Left out: `affine`, unless `online`,
    `imbalance` or `synthetic` is there."""
    online: Online = []
    """Applied to each batch on the training device, in this order, with new draws for every image and epoch."""
    classes: dict[str, ClassSettings] = {}
    """Settings of single classes, by class name."""
    balance: bool = False
    """Even out the classes: more copies of rare ones, with stronger transforms, and as many images of each class in an
    epoch. A class with a fraction 1/r of the largest one's images gets strength r^(1/4), at most 2."""
    synthetic: Synthetic | None = None
    """Copies drawn by a generative model; an epoch then has as many images of each class, real or drawn."""
    imbalance: Literal["class_weights", "balanced_sampler", "oversampling"] | None = None
    """The usual remedies for unequal classes: weights in the loss; draws with replacement that favor rare classes; or
    rare images repeated until the classes are even. An epoch has the same number of images in all."""
    allow_label_breaking: Annotated[list[str], AfterValidator(unique)] = []
    """Operations that this policy uses although `data.label_preserving` rules them out."""
    seed: Seed = 0
    """Seed of all offline draws."""

    @model_validator(mode="before")
    @classmethod
    def _default(cls, value: Any) -> Any:
        value = {} if value is None else value
        if (
            isinstance(value, Mapping)
            and "offline" not in value
            and not {"online", "imbalance", "synthetic"} & value.keys()
        ):
            return {**value, "offline": ["affine"]}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.synthetic and (self.offline or self.balance or self.imbalance):
            raise ValueError(
                "synthetic makes the copies and evens out the classes itself; leave out offline, balance and imbalance"
            )
        if self.balance and self.imbalance:
            raise ValueError("balance and imbalance both even out the classes; keep one of them")
        if self.balance and not self.offline:
            raise ValueError("balance makes offline copies; it needs at least one transform in offline")
        if self.offline and not (self.copies or self.balance or any(c.copies for c in self.classes.values())):
            raise ValueError("copies is 0, so nothing in offline is ever applied; raise it, or leave offline out")
        if not (self.offline or self.online or self.imbalance or self.synthetic):
            raise ValueError("this policy changes nothing; name a transform in offline or online, or use none")
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
            raise ValueError(f"the consistency loss of augmix compares views of one image; leave out {mixing[0]}")
        return self

    @property
    def apply_spec(self) -> ApplySpec:
        """The part that is done before training."""
        return ApplySpec(**{name: getattr(self, name) for name in ApplySpec.model_fields})

    @property
    def online_spec(self) -> OnlineSpec:
        """The part that is done while training."""
        found = {name: getattr(self, name) for name in OnlineSpec.model_fields}
        return OnlineSpec(**found | ({"imbalance": "oversampling"} if self.synthetic else {}))


class ApplySpec(Section):
    """The job `augment apply`: the offline part of a policy."""

    copies: int
    offline: Offline
    classes: dict[str, ClassSettings]
    balance: bool
    seed: int


class SheetSpec(Section):
    """The job `augment sheet`, which has no settings."""


class GallerySpec(Section):
    """The job `augment gallery`: the techniques to show, with the options to show them with."""

    offline: Offline
    online: Online


class OnlineSpec(Section):
    """The part of a policy that acts while training."""

    online: Online = []
    classes: dict[str, ClassSettings] = {}
    balance: bool = False
    imbalance: Literal["class_weights", "balanced_sampler", "oversampling"] | None = None
