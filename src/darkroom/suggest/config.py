"""The `suggest` section: simulate which images to label next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from darkroom.fit.config import VALIDATED, Seeds, Training
from darkroom.registry import Plugin
from darkroom.settings import Count, Section, Seed

BASELINE = "random"
RULES: Any = [{"name": name} for name in (BASELINE, "margin", "entropy", "bald", "k_center", "badge")]
Acquisition = Annotated[Section, Plugin("acquisition")]


def _compared(rules: Sequence[Section]) -> Sequence[Section]:
    """Raise ValueError unless every rule is there once, and `random` is one of them."""
    names = [rule.name for rule in rules]  # type: ignore[attr-defined]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} is listed twice")
    if BASELINE not in names:
        raise ValueError(f"{BASELINE} is missing, which the other rules are compared with; add it")
    return rules


class Simulated(Section):
    """Settings that every simulation shares."""

    network: Annotated[Section, Plugin("network", default="mlp"), Field(validate_default=True)] = {"name": "mlp"}  # type: ignore[assignment]
    """The classifier that learns from the labels and ranks the images without; `bald` needs one with dropout."""
    training: Training = Training(epochs=60)
    """Training of the classifier, from scratch after each step. Default: 60 epochs."""
    start: Count = 1
    """Number of labels per class at the start, the same images for every rule."""
    step: Count = 20
    """Number of labels that each round adds."""
    rounds: Count = 9
    """Number of rounds after the start."""

    @field_validator("training")
    @classmethod
    def _without_validation(cls, training: Training) -> Training:
        for key in VALIDATED:
            if cure := training.chosen.get(key):
                raise ValueError(f"{key} needs validation images, and a simulation trains without any; {cure}")
        return training


class Suggest(Simulated):
    """Simulates labeling on the training images, whose labels count as unknown until a rule asks for them."""

    rules: Annotated[list[Acquisition], Field(min_length=1, validate_default=True), AfterValidator(_compared)] = RULES
    """Rules that choose the images to label; `random` must be one of them."""
    seeds: Seeds = (0, 1, 2, 3, 4)
    """Number of seeds, or a list of them. Each draws other images to start with, and other weights; a rule is recommended only
    if it beats `random` over several."""

    @model_validator(mode="after")
    def _drops(self) -> Self:
        if any(rule.name == "bald" for rule in self.rules) and not getattr(self.network, "dropout", 0):  # type: ignore[attr-defined]
            raise ValueError("bald compares draws of dropout; set network.dropout above 0, or leave bald out of rules")
        return self


class SimulateSpec(Simulated):
    """The job `suggest simulate`."""

    acquisition: Acquisition
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""
    seed: Seed
