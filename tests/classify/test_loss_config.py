"""Losses in the config: what does not fit is one line before any job."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom import registry
from darkroom.classify.jobs import STAGES
from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config
from darkroom.job.stage import Job
from darkroom.planning.plan import Plan

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
    assert "distillation" not in offered
    assert offered
    for other in offered:
        load({"m": {"network": "mlp", "loss": other}})
    load({"m": model}, policies=["none"])


def test_logit_adjustment_needs_a_softmax() -> None:
    augment = {"rare": {"imbalance": "logit_adjustment"}}
    for name, entry in registry.entries("loss").items():
        if "class" in entry.constants["TARGETS"] and entry.constants["LINK"] == "softmax" and name != "distillation":
            load({"m": {"network": "mlp", "loss": name}}, augment, policies=["none", "rare"])
    line = problem({"m": {"network": "mlp", "loss": "mse"}}, augment)
    assert line.startswith("classify.models.m.loss: mse has no softmax, which logit_adjustment in augment.rare adjusts")


def test_a_probe_has_a_loss_of_its_own() -> None:
    network = {"name": "pretrained", "backbone": "test_efficientnet"}
    line = problem({"m": {"network": network, "transfer": "probe", "loss": "focal"}})
    assert line == "classify.models.m.loss: got focal, but a probe fits its head with a loss of its own; remove loss"


def student(teacher: str, network: str = "mlp") -> dict[str, Any]:
    return {"network": network, "loss": {"name": "distillation", "teacher": teacher}}


@pytest.mark.parametrize(
    ("models", "told"),
    [
        (
            {"m": student("resnit"), "resnet": {}},
            'm.loss.teacher: no model "resnit" in classify.models. Did you mean "resnet"?',
        ),
        ({"m": student("m")}, "m.loss.teacher: m learns from m; a teacher must not depend on its student"),
    ],
)
def test_a_teacher_is_another_classifier(models: dict[str, Any], told: str) -> None:
    assert problem(models).startswith(f"classify.models.{told}")


def test_teachers_form_no_circle() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"a": student("b"), "b": student("c"), "c": student("a"), "d": student("a")})
    assert [line.split(": ")[1].split(";")[0] for line in caught.value.problems] == [
        "a learns from b learns from c learns from a",
        "b learns from c learns from a learns from b",
        "c learns from a learns from b learns from c",
    ]
    load({"a": student("b"), "b": student("c"), "c": {"network": "mlp"}})


def test_a_student_waits_for_the_teacher_of_its_policy_and_seed() -> None:
    plan = Plan(load({"small": student("resnet"), "resnet": {}}, seeds=2))
    stage = next(stage for stage in STAGES if stage.name == "classify train")
    wildcards = {"policy": "mixed", "model": "small", "seed": "1"}
    assert stage.inputs(plan, wildcards)["teacher"] == Job("classify train", {**wildcards, "model": "resnet"})
    assert stage.inputs(plan, {**wildcards, "model": "resnet"})["teacher"] is None
    assert plan.priorities["classify train"] > 0
