"""The `audit` section: whether each transform of a policy preserves the labels of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from darkroom.augment.config import Policy
from darkroom.classify.config import check_transfer, with_transfer
from darkroom.fit.config import VALIDATED, Training, inherit
from darkroom.registry import Plugin, entries
from darkroom.settings import Count, Name, Probability, Section, Seed, unique

EPOCHS = 10
FEWEST = 10
"""Minimum number of images per class for a verdict."""

Network = Annotated[Section, Plugin("network", default="resnet"), Field(validate_default=True)]


class Judged(Section):
    """Settings shared by the jobs of an audit."""

    network: Network = {"name": "resnet"}  # type: ignore[assignment]
    """The classifier used as judge, trained without augmentation."""
    transfer: Annotated[Section, Plugin("transfer")] | None = Field(
        default=None, exclude_if=lambda value: value is None
    )
    """How a pretrained judge is trained; `probe` is quick. Default: `fine_tune`."""
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Cross-validation folds of the training images. Each fold is judged by a classifier trained on the others, which has
    seen neither its images nor their groups."""
    seed: Seed = 0
    """Seed for folds, training and random transforms."""


class Judging(Judged):
    """A section that trains judges."""

    training: Training = Training(epochs=EPOCHS)
    """Training of the judges. Default: 10 epochs; for a pretrained network, that of `fine_tune`; for networks of recordings and
    texts, their own."""

    @model_validator(mode="after")
    def _pretrained(self) -> Self:
        check_transfer(self.transfer, self.network)
        return self

    @field_validator("training")
    @classmethod
    def _without_validation(cls, training: Training) -> Training:
        for key in VALIDATED:
            if cure := training.chosen.get(key):
                raise ValueError(f"{key} needs validation images, and judges train without any; {cure}")
        return training

    @model_validator(mode="before")
    @classmethod
    def _default_training(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        given = {} if value.get("training") is None else value["training"]
        if not isinstance(given, Mapping):
            return value
        judge = with_transfer({"network": value.get("network"), "transfer": value.get("transfer")})
        if judge.get("transfer") is not None or not _takes_images(value.get("network")):
            # the learning rate of networks for images diverges from pretrained weights, and does not suit other samples
            filled = inherit({"models": {"judge": judge}, "training": given}, "models", "network", "transfer")
            given = filled["models"]["judge"]["training"]
        return {**value, "training": {"epochs": EPOCHS, **given}}


def _takes_images(network: Any) -> bool:
    """Return whether a network, as written in a config, takes images; networks that do not exist are for another check."""
    name = network.get("name") if isinstance(network, Mapping) else network
    known = entries("network")
    return not isinstance(name, str) or name not in known or "image" in known[name].samples


class Measured(Judged):
    """Settings for measuring a policy."""

    tolerance: Probability = 0.05
    """Maximum loss of accuracy on transformed images; for numbers, of the share of images whose error is a usual one."""
    images: Annotated[int, Field(ge=FEWEST)] = 200
    """Maximum number of judged images per class, with each label, without it, or per number."""
    draws: Count = 2
    """Random draws of each transform per image."""
    resamples: Count = 1000
    """Bootstrap resamples per 95 % interval."""


class Audit(Judging, Measured):
    """Report whether each transform preserves each class, label or number, and suggest a policy that does."""

    policies: Annotated[list[Name], Field(min_length=1), AfterValidator(unique)] | None = None
    """Policies to audit. Default: all policies in `augment` that transform images."""


Loss = Annotated[Section, Plugin("loss", default="cross_entropy"), Field(validate_default=True)]


class TrainSpec(Judged):
    """The job `audit train`: the judge of one fold."""

    training: Training
    loss: Loss = {"name": "cross_entropy"}  # type: ignore[assignment]
    """The loss that fits the target."""
    fold: int
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""


class MeasureSpec(Measured):
    """The job `audit measure`: one policy, judged by all folds' classifiers."""

    training: Training = Training(epochs=EPOCHS)
    loss: Loss = {"name": "cross_entropy"}  # type: ignore[assignment]
    """The loss that fits the target."""
    name: Name
    policy: Policy
    maker: Annotated[Section, Plugin("copy maker", default="image"), Field(validate_default=True)] = {"name": "image"}  # type: ignore[assignment]
    """What makes copies of the samples."""
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""
