"""Losses in the config: what does not fit is one line before any job."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom import registry
from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config

MIXED = {"online": ["hflip", "cutmix"]}
HARD = [name for name, entry in registry.entries("loss").items() if not entry.constants["SOFT"]]


def load(models: dict[str, Any], augment: dict[str, Any] | None = None, **more: Any) -> Config:
    section, policies = {"models": models, **more}, augment or {"mixed": MIXED}
    raw = {"name": "digits", "data": {"source": "sklearn"}, "augment": policies, "classify": section}
    return config.load(raw, path="c.yaml")


def problem(models: dict[str, Any], augment: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(models, augment, **more)
    (line,) = caught.value.problems
    return str(line)


def test_every_loss_says_what_it_fits() -> None:
    for entry in registry.entries("loss").values():
        assert {"TARGETS", "SOFT", "LINK"} <= entry.constants.keys()
        assert set(entry.constants["TARGETS"]) <= {"class", "labels", "numbers"}
        assert entry.constants["LINK"] in ("softmax", "sigmoid", "identity")


@pytest.mark.parametrize("loss", HARD)
def test_a_loss_of_certain_targets_is_refused_under_a_policy_that_mixes(loss: str) -> None:
    model = {"network": "mlp", "loss": loss}
    line = problem({"m": model})
    assert line.startswith(f"classify.models.m.loss: {loss} does not take the mixed targets of cutmix in augment.mixed")
    offered = line.split("use ")[1].split(", or leave")[0].split(", ")
    assert offered
    for other in offered:
        load({"m": {"network": "mlp", "loss": other}})
    load({"m": model}, policies=["none"])


def test_logit_adjustment_needs_a_softmax() -> None:
    augment = {"rare": {"imbalance": "logit_adjustment"}}
    for name, entry in registry.entries("loss").items():
        if "class" in entry.constants["TARGETS"] and entry.constants["LINK"] == "softmax":
            load({"m": {"network": "mlp", "loss": name}}, augment, policies=["none", "rare"])
    line = problem({"m": {"network": "mlp", "loss": "mse"}}, augment)
    assert line.startswith("classify.models.m.loss: mse has no softmax, which logit_adjustment in augment.rare adjusts")


def test_a_probe_has_a_loss_of_its_own() -> None:
    network = {"name": "pretrained", "backbone": "test_efficientnet"}
    line = problem({"m": {"network": network, "transfer": "probe", "loss": "focal"}})
    assert line == "classify.models.m.loss: got focal, but a probe fits its head with a loss of its own; remove loss"
