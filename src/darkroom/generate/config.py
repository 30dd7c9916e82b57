"""The `generate` section: generative models × seeds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from darkroom.augment.config import Synthetic
from darkroom.fit.config import Seeds, Training, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Section


class GeneratorTraining(Training):
    """As for classifiers, but longer."""

    epochs: Count = 30
    """Passes over the training images."""
    batch_size: Count = 64
    """Images a step."""


RESERVED = ("judge", "synthetic")
"""Folders beside those of the models."""


class Generator(Section):
    """One generative model and how it is trained."""

    generator: Annotated[Section, Plugin("generator", named_by_entry=True)]
    """Which family; left out, the one called like this entry."""
    training: GeneratorTraining = GeneratorTraining()
    """Overrides of `generate.training`, key by key."""


class Generate(Section):
    """Every model is trained on the training images with every seed, then sampled from and scored on the test split."""

    models: dict[Name, Generator] = {}
    """Generators by name. Left out: `vae`."""
    seeds: Seeds = (0,)
    """A number of seeds, or a list of them."""
    training: GeneratorTraining = GeneratorTraining()
    """What all models share."""
    samples: Count = 64
    """Samples drawn for the report."""
    snapshots: Annotated[int, Field(ge=1, le=50)] = 10
    """Times that samples from the same noise are drawn and measured while a model trains, at first more often."""

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
    """The job `generate train`."""

    snapshots: Count = 10
    seed: int


class SynthesizeSpec(Section):
    """The job `generate synthesize`: what a policy's classes are filled up with."""

    generator: Annotated[Section, Plugin("generator")]
    synthetic: Synthetic


class EvaluateSpec(Section):
    """The job `generate evaluate`."""

    generator: Annotated[Section, Plugin("generator")]
    samples: Count
    seed: int
