"""The `generate` section: generative models × seeds, and the judge that they are all measured by."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from darkroom.augment.config import Synthetic
from darkroom.fit.config import Seeds, Training, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Sampling, Section, unique


class GeneratorTraining(Training):
    """As for classifiers, but longer."""

    epochs: Count = 30
    """Passes over the training images."""
    batch_size: Count = 64
    """Images a step."""


RESERVED = ("judge", "synthetic")
"""Folders beside those of the models."""
SMALL = {"name": "affine", "rotate": 12, "translate": 0.1, "scale": 0.1, "shear": 6}


class JudgeTraining(Training):
    """As for classifiers, in smaller batches."""

    epochs: Count = 16
    """Passes over the training images."""
    batch_size: Count = 64
    """Images a step."""


class Generator(Section):
    """One generative model and how it is trained."""

    generator: Annotated[Section, Plugin("generator", named_by_entry=True)]
    """Which family; left out, the one called like this entry."""
    training: GeneratorTraining = GeneratorTraining()
    """Overrides of `generate.training`, key by key."""


Network = Annotated[Section, Plugin("network", default="resnet"), Field(validate_default=True)]
Online = Annotated[list[Annotated[Section, Plugin("batch transform")]], Field(validate_default=True)]


class Judge(Section):
    """The classifier that tells what samples show, trained on the real training images alone."""

    network: Network = {"name": "resnet"}  # type: ignore[assignment]
    """Which network."""
    training: JudgeTraining = JudgeTraining()
    """How it is trained."""
    online: Online = [SMALL]  # type: ignore[list-item]
    """Batch transforms while it is trained, as `online` of a policy. Left out: small turns, shifts and changes of size."""


class Generate(Section):
    """Every model is trained on the training images with every seed, then sampled from and scored on the test split."""

    models: dict[Name, Generator] = {}
    """Generators by name. Left out: `vae`."""
    seeds: Seeds = (0,)
    """A number of seeds, or a list of them."""
    training: GeneratorTraining = GeneratorTraining()
    """What all models share."""
    snapshots: Annotated[int, Field(ge=1, le=50)] = 10
    """Times that samples from the same noise are drawn and measured while a model trains, at first more often."""
    judge: Judge = Judge()
    """What samples are judged by, and measured in the features of."""
    samples: Count = 2000
    """Most samples that a model is measured by, against as many test images; there are never more than test images."""
    steps: Annotated[list[Count], AfterValidator(unique)] = [5, 10, 20, 50]
    """Numbers of sampling steps to measure, for models that sample in steps; an empty list measures none."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("models") in (None, {}):
            value = {**value, "models": {"vae": {}}}
        return inherit(value, "models", "generator")

    @field_validator("models")
    @classmethod
    def _named(cls, models: dict[str, Generator]) -> dict[str, Generator]:
        if taken := sorted(set(RESERVED) & models.keys()):
            raise ValueError(f'a model cannot be called "{taken[0]}": its folder is used for something else')
        return models


class TrainSpec(Generator):
    """The job `generate train`; options that only sampling uses are at their defaults, see `trained`."""

    snapshots: Count
    seed: int


def trained(generator: Section) -> Section:
    """The options that training depends on: those that only sampling uses are put back to their defaults."""
    fields = generator.__class__.model_fields
    sampling = {name for name, field in fields.items() if Sampling() in field.metadata}
    return generator.model_copy(update={name: fields[name].default for name in sampling})


class SynthesizeSpec(Section):
    """The job `generate synthesize`: what a policy's classes are filled up with."""

    generator: Annotated[Section, Plugin("generator")]
    judge: Network
    """The judge's network."""
    synthetic: Synthetic


class JudgeSpec(Judge):
    """The job `generate judge`."""


class EvaluateSpec(Section):
    """The job `generate evaluate`."""

    generator: Annotated[Section, Plugin("generator")]
    judge: Network
    """The judge's network."""
    backbone: str | None
    """Which ImageNet features are installed, as `NAME==VERSION`."""
    samples: Count
    steps: tuple[Count, ...]
    seed: int
