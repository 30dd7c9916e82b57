"""The `audit` section: what each transform of a policy does to the labels of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from darkroom.augment.config import Policy
from darkroom.fit.config import Training
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Probability, Section, Seed, unique

EPOCHS = 10
FEWEST = 10
"""Images of a class below which nothing is said of it."""

Network = Annotated[Section, Plugin("network", default="resnet"), Field(validate_default=True)]


class Judged(Section):
    """What the jobs of an audit share."""

    network: Network = {"name": "resnet"}  # type: ignore[assignment]
    """The classifier that judges; it is trained without augmentation."""
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Parts of the training images. Each is judged by a classifier trained on the others, so that none has seen what it
    judges, nor another image of its group."""
    seed: Seed = 0
    """Seed of the folds, the trainings and all draws."""


class Measured(Judged):
    """How a policy is measured."""

    tolerance: Probability = 0.05
    """Largest loss: how many images, as a share, may be given another label than without the transform."""
    images: Annotated[int, Field(ge=FEWEST)] = 200
    """Most images of a class that are judged."""
    draws: Count = 2
    """Times that each transform is applied to each of them."""
    resamples: Count = 1000
    """Bootstrap resamples behind each 95 % interval."""


class Audit(Measured):
    """Tells for each transform and class whether the label is kept, and writes a policy that keeps it."""

    training: Training = Training(epochs=EPOCHS)
    """How the judging classifiers are trained. Left out, `epochs` is 10."""
    policies: Annotated[list[Name], Field(min_length=1), AfterValidator(unique)] | None = None
    """Policies to audit. Left out: all of `augment` that transform images."""

    @model_validator(mode="before")
    @classmethod
    def _few_epochs(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("training"), Mapping):
            return {**value, "training": {"epochs": EPOCHS, **value["training"]}}
        return value


class TrainSpec(Judged):
    """The job `audit train`: the classifier that judges one fold."""

    training: Training
    fold: int


class MeasureSpec(Measured):
    """The job `audit measure`: one policy, judged by all folds' classifiers."""

    training: Training = Training(epochs=EPOCHS)
    name: Name
    policy: Policy
