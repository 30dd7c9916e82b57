"""The `classify` section: networks × policies × seeds, and how to evaluate them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from darkroom import registry
from darkroom.augment.config import OnlineSpec
from darkroom.classify.tuning.space import Search
from darkroom.data.target import Kind
from darkroom.fit.config import Seeds, Training, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, NonNegative, Probability, Section, nearest, quoted, unique

Views = Annotated[list[Annotated[Section, Plugin("view")]], Field(validate_default=True), AfterValidator(unique)]
LOSSES: dict[Kind, str] = {"class": "cross_entropy", "labels": "binary_cross_entropy", "numbers": "huber"}
"""The loss of a classifier or judge whose config names none, by target."""
DEFAULT = "fine_tune"
"""How a pretrained network is trained unless the config says otherwise."""
Merge = Literal["mean", "geometric_mean", "max", "learned"]


Share = Annotated[float, Field(gt=0, le=1)]
Costs = Annotated[dict[str, dict[str, NonNegative]] | None, Field(exclude_if=lambda costs: costs is None)]
"""Costs by true and predicted class."""


def ascending(values: list[float]) -> list[float]:
    """Return numbers in ascending order. Raises ValueError if one of them is listed twice."""
    return sorted(unique(values))


class Classifier(Section):
    """A classifier: a network and how to train it."""

    network: Annotated[Section, Plugin("network", named_by_entry=True)]
    """Which network. Default: the one named like this entry."""
    transfer: Annotated[Section, Plugin("transfer")] | None = None
    """How a pretrained network is trained. Default: `fine_tune`; other networks have random weights and none of these."""
    loss: Annotated[Section, Plugin("loss", default="cross_entropy"), Field(validate_default=True)] = {
        "name": "cross_entropy"
    }  # type: ignore[assignment]
    """What training minimizes. Default: `cross_entropy`; `binary_cross_entropy` for several labels, `huber` for numbers."""
    semi: Annotated[Section, Plugin("semi-supervised method")] | None = Field(
        default=None, exclude_if=lambda value: value is None
    )
    """How to learn from training images without a label as well. Default: not at all."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights, which is then validated and saved. Default: no average."""
    mixing_off: Probability = 0.0
    """Share of the run, at its end, in which the policy's MixUp and CutMix are off."""
    training: Training = Training()
    """Overrides of `classify.training`, key by key."""

    @model_validator(mode="before")
    @classmethod
    def _way(cls, value: Any) -> Any:
        return with_transfer(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _pretrained(self) -> Self:
        check_transfer(self.transfer, self.network)
        return self

    @model_validator(mode="after")
    def _one_average(self) -> Self:
        if getattr(self.semi, "decay", None) is not None:
            for key, given in {"ema": self.ema, "training.swa": self.training.swa}.items():
                if given is not None:
                    raise ValueError(f"{key} and semi both average the weights; remove {key}, and set semi.decay")
        if self.ema is not None and self.training.swa is not None:
            raise ValueError("ema and training.swa both average the weights; remove one")
        return self


class Classify(Section):
    """Trains every model under every policy with every seed, then evaluates it on the test split."""

    models: dict[Name, Classifier] = {}
    """Classifiers by name. Default: `mlp` and `resnet`."""
    baseline: Name | None = None
    """The model that the report compares every other one with, under each policy. Default: the best by validation."""
    policies: Annotated[list[Name], Field(min_length=1), AfterValidator(unique)] | None = None
    """Policies to train under. Default: `none` and all of `augment`."""
    seeds: Seeds = (0,)
    """Number of seeds, or a list of them."""
    training: Training = Training()
    """Training settings shared by all models."""
    cross_validate: Annotated[int, Field(ge=2, le=50)] | None = None
    """Number of folds: also trains every classifier that many times per seed on the train and val splits, each time without
    one fold, which it predicts. Default: no cross-validation."""
    learning_curve: Annotated[list[Share], Field(min_length=1), AfterValidator(ascending)] | None = None
    """Shares of the training images, such as `[0.1, 0.3, 1]`: also trains every classifier on each of them with every seed, to
    show whether more images would help. All images are always the last point. Default: no learning curve."""
    search: dict[Name, Search] = {}
    """Searches for better settings of a model, by name; the best ones are then trained and evaluated under that name, with the
    seeds of all classifiers and none of those of the trials."""
    tta: Views = [{"name": "shift"}]  # type: ignore[list-item]
    """Test-time augmentation: views of a test image whose predictions are merged with those for the plain image."""
    tta_merge: Merge = "mean"
    """How to merge their probabilities: mean, geometric mean or maximum of each class (renormalized), or a weighted mean
    with the weights that minimize cross-entropy on the validation images."""
    resamples: Count = 1000
    """Bootstrap resamples per 95 % interval."""
    costs: Costs = None
    """What mistakes cost: `{bad: {good: 10}}` is 10 for a bad one taken for good. Other mistakes cost 1, right answers 0. The
    evaluation then measures the cost of the most probable class, of the one with the lowest expected cost, and, for two
    classes, of the threshold that cost least on the validation images. For one class per image."""

    def classifier(self, name: str) -> Classifier:
        """Return the settings of a model; for the name of a search, those of the model that it tunes."""
        return self.models[self.search[name].model if name in self.search else name]

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("models") in (None, {}):
            value = {**value, "models": {"mlp": {}, "resnet": {}}}
        if isinstance(value, dict) and isinstance(value["models"], dict):
            models = {name: with_transfer(model, name) for name, model in value["models"].items()}
            value = {**value, "models": models}
        return inherit(value, "models", "network", "transfer")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.baseline is not None and self.baseline not in self.models:
            hint = nearest(self.baseline, self.models)
            raise ValueError(f"baseline is {quoted(self.baseline)}, which is not in models.{hint}")
        return self


def has_weights(network: Any) -> bool:
    """Return whether a network of this name is pretrained."""
    known = registry.entries("network")
    return isinstance(network, str) and network in known and "load_pretrained" in known[network].methods


def check_transfer(transfer: Any, network: Any) -> None:
    """Raise ValueError if a network without pretrained weights is to be trained like one that has them."""
    if transfer is not None and not has_weights(network.name):
        raise ValueError(
            f"transfer is {transfer.name}, but the network {network.name} is not pretrained; "
            "set network to pretrained, or leave transfer out"
        )


def with_transfer(model: Any, entry: str | None = None) -> Any:
    """Fill in how to train a model whose network is pretrained, before its training inherits the defaults of that."""
    model = {} if model is None else model
    if not isinstance(model, dict) or model.get("transfer") is not None:
        return model
    network = model.get("network")
    name = getattr(network, "name", network.get("name") if isinstance(network, dict) else network)
    return {**model, "transfer": {"name": DEFAULT}} if has_weights(name or entry) else model


class TrainSpec(Classifier):
    """The job `classify train`."""

    policy: OnlineSpec = OnlineSpec()
    """The policy's online part; its copies are an input of the job."""
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights, so that other weights make the job stale."""
    seed: int
    searched: list[Classifier] = []
    """The same classifier with other plug-ins that a search may choose, whose code is part of the job's."""


class FeaturesSpec(Section):
    """The job `classify features`."""

    network: Annotated[Section, Plugin("network")]
    backbone: str | None
    """Identifies its weights."""
    policy: OnlineSpec
    """The policy's online part, for augmented views of the training images."""
    views: Annotated[int, Field(ge=0)]
    """Augmented views of each training image."""
    seed: int


class EvaluateSpec(Section):
    """The job `classify evaluate`."""

    network: Annotated[Section, Plugin("network")]
    tta: list[Annotated[Section, Plugin("view")]]
    tta_merge: Merge
    resamples: Count
    costs: Costs = None
    seed: int


class ExplainedClassifier(Section):
    """The first seed of one classifier; its folder is relative to the classifiers'."""

    policy: str
    model: str
    folder: str
    network: Annotated[Section, Plugin("network")]


class ExplainSpec(Section):
    """The job `classify explain`."""

    classifiers: list[ExplainedClassifier]
