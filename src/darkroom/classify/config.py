"""The `classify` section: networks × policies × seeds, and how to evaluate them."""

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
    """Trains every model under every policy with every seed, then evaluates it on the test split."""

    models: dict[Name, Classifier] = {}
    """Classifiers by name. Default: `mlp` and `resnet`."""
    policies: Annotated[list[Name], Field(min_length=1), AfterValidator(unique)] | None = None
    """Policies to train under. Default: `none` and all of `augment`."""
    seeds: Seeds = (0,)
    """Number of seeds, or a list of them."""
    training: Training = Training()
    """Training settings shared by all models."""
    tta: Views = [{"name": "shift"}]  # type: ignore[list-item]
    """Test-time augmentation: views of a test image whose predictions are merged with those for the plain image."""
    tta_merge: Merge = "mean"
    """How to merge their probabilities: mean, geometric mean or maximum of each class (renormalized), or a weighted mean
    with the weights that minimize cross-entropy on the validation images."""
    resamples: Count = 1000
    """Bootstrap resamples per 95 % interval."""

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
    """The policy's online part; its copies are an input of the job."""
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights, so that other weights make the job stale."""
    seed: int


class EvaluateSpec(Section):
    """The job `classify evaluate`."""

    network: Annotated[Section, Plugin("network")]
    tta: list[Annotated[Section, Plugin("view")]]
    tta_merge: Merge
    resamples: Count
    seed: int
