"""The `pretrain` section: networks pretrained on the training images without their labels."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from darkroom.fit.config import Training, inherit
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Section, Seed

Network = Annotated[
    Section, Plugin("network", default="resnet", without=("mlp", "pretrained")), Field(validate_default=True)
]
Views = list[Annotated[Section, Plugin("batch transform")]]


class PretrainTraining(Training):
    """Training defaults for pretraining: longer and with larger batches than for classifiers."""

    epochs: Count = 50
    """Passes over the training images."""
    batch_size: Count = 256
    """Images per step."""


class Pretraining(Section):
    """A network and what it learns from images without labels."""

    objective: Annotated[Section, Plugin("objective", named_by_entry=True)]
    """What training minimizes. Default: the objective named like this entry."""
    network: Network = {"name": "resnet"}  # type: ignore[assignment]
    """Which network; its classifier is left out."""
    views: Views | None = None
    """Batch transforms that make each view of an image, in order. Default: the objective's own, without those that
    `data.label_preserving` excludes."""
    training: PretrainTraining = PretrainTraining()
    """Overrides of `pretrain.training`, key by key."""

    @model_validator(mode="after")
    def _without_validation(self) -> Self:
        for key, cure in self.training.chosen.items():
            raise ValueError(f"training.{key}: pretraining uses neither labels nor validation images; {cure}")
        return self


class Pretrain(Section):
    """Pretrains every model on all training images. `weights: {pretrain: NAME}` uses the result as a backbone."""

    models: dict[Name, Pretraining] = {}
    """Pretrainings by name. Default: `simclr`."""
    seed: Seed = 0
    """Seed of the weights, the batches and the views."""
    training: PretrainTraining = PretrainTraining()
    """Training settings shared by all models."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("models") in (None, {}):
            value = {**value, "models": {"simclr": {}}}
        if isinstance(value, dict) and isinstance(value["models"], dict):
            value = {**value, "models": {name: _filled(name, model) for name, model in value["models"].items()}}
        return inherit(value, "models", "network", "objective")


def _filled(name: str, model: Any) -> Any:
    """Fill in the network and the objective's name, from which the training inherits its defaults."""
    model = {} if model is None else model
    if not isinstance(model, dict):
        return model
    network, objective = model.get("network") or {}, model.get("objective") or {}
    network = {"name": "resnet", **network} if isinstance(network, dict) else network
    objective = {"name": name, **objective} if isinstance(objective, dict) else objective
    return {**model, "network": network, "objective": objective}


class TrainSpec(Pretraining):
    """The job `pretrain train`."""

    views: Views
    """Batch transforms that make each view of an image, in order."""
    seed: int


class BaselinesSpec(Section):
    """The job `pretrain baselines`."""

    backbone: str | None
    """The installed ImageNet features, as `NAME==VERSION`."""
