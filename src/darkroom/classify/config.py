"""The `classify` section: networks × policies × seeds, and how they are evaluated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from darkroom.augment.config import OnlineSpec
from darkroom.fit.config import Seeds, Training, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Section, unique

Views = Annotated[list[Annotated[Section, Plugin("view")]], Field(validate_default=True), AfterValidator(unique)]
Merge = Literal["mean", "geometric_mean", "max", "learned"]


class Classifier(Section):
    """A classifier: a network and how to train it."""

    network: Annotated[Section, Plugin("network", named_by_entry=True)]
    """Which network. Default: the one named like this entry."""
    loss: Annotated[Section, Plugin("loss", default="cross_entropy"), Field(validate_default=True)] = {
        "name": "cross_entropy"
    }  # type: ignore[assignment]
    """What training minimises."""
    training: Training = Training()
    """Overrides of `classify.training`, key by key."""


class Classify(Section):
    """Every model is trained under every policy with every seed, then evaluated on the test split."""

    models: dict[Name, Classifier] = {}
    """Classifiers by name. Left out: `mlp` and `resnet`."""
    policies: Annotated[list[Name], Field(min_length=1), AfterValidator(unique)] | None = None
    """Policies to train under. Left out: `none` and all of `augment`."""
    seeds: Seeds = (0,)
    """A number of seeds, or a list of them."""
    training: Training = Training()
    """What all models share."""
    tta: Views = [{"name": "shift"}]  # type: ignore[list-item]
    """Views of a test image whose probabilities are merged with the plain image's: test-time augmentation."""
    tta_merge: Merge = "mean"
    """How: by their mean, their geometric mean, the largest of each class (both made to sum to one again), or a weighted
    mean whose weights have the least cross-entropy on the validation images."""
    resamples: Count = 1000
    """Bootstrap resamples behind each 95 % interval."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("models") in (None, {}):
            value = {**value, "models": {"mlp": {}, "resnet": {}}}
        return inherit(value, "models", "network")


class TrainSpec(Classifier):
    """The job `classify train`."""

    policy: OnlineSpec = OnlineSpec()
    """What the policy does while training; its copies are an input of the job."""
    seed: int


class EvaluateSpec(Section):
    """The job `classify evaluate`."""

    network: Annotated[Section, Plugin("network")]
    tta: list[Annotated[Section, Plugin("view")]]
    tta_merge: Merge
    resamples: Count
    seed: int
