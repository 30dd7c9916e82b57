"""The learning-rate range test, and trainings that use its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files, registry
from darkroom.classify import lr_range, train
from darkroom.classify.config import TrainSpec
from darkroom.classify.lr_range import HIGHEST, LOWEST, STEPS, landmarks, smooth
from darkroom.config import load as config
from darkroom.log import silent
from darkroom.planning.plan import Plan


def spec(optimizer: dict[str, Any], epochs: int = 1, **more: Any) -> TrainSpec:
    training = {"epochs": epochs, "batch_size": 64, "optimizer": optimizer, **more}
    return TrainSpec.model_validate({"network": "mlp", "training": training, "seed": 0})


def planned(**classify: Any) -> Plan:
    return Plan(config.load({"name": "digits", "data": {"source": "sklearn"}, "classify": classify}, path="c.yaml"))


RATES = np.geomspace(LOWEST, HIGHEST, STEPS)


def test_the_steepest_descent_of_a_sigmoid_is_its_middle() -> None:
    falling = 1 / (1 + np.exp(4 * (np.log10(RATES) + 2)))  # steepest at 10^-2
    rising = np.maximum(0, np.log10(RATES)) * 30  # diverges above 1
    fastest, lowest = landmarks(RATES, smooth(falling + rising))
    assert fastest == pytest.approx(0.01, rel=0.1)
    assert fastest < lowest < 3


def test_a_fall_after_the_minimum_counts_for_nothing() -> None:
    again = np.where(RATES < 0.01, 2 - np.exp(-((np.log10(RATES) + 2) ** 2)), 1 + np.log10(RATES / 0.01))
    again[-10:] = np.linspace(again[-10], 1.5, 10)
    fastest, lowest = landmarks(RATES, again)
    assert fastest < lowest == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize("losses", [np.full(STEPS, 2.3), np.linspace(2.3, 9, STEPS)])
def test_a_loss_that_never_falls_asks_for_a_number(losses: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"training\.optimizer\.lr is auto, but the loss falls at no learning rate"):
        landmarks(RATES, smooth(losses))


def test_smoothing_keeps_a_constant_and_has_no_bias_at_the_ends() -> None:
    assert np.allclose(smooth(np.full(50, 2.0)), 2)


def test_the_test_is_repeatable_and_ends_when_the_loss_diverges(digits: Path, tmp_path: Path) -> None:
    without_effect = {"epochs": 9, "patience": 3, "schedule": "plateau", "diagnostics": True}
    for out, more in (("one", {}), ("two", without_effect)):
        lr_range.run(spec({"name": "adamw", "lr": "auto"}, **more), data=digits, out=tmp_path / out, log=silent)
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(tmp_path / "two")
    table = pd.read_csv(tmp_path / "one" / "lr_range.csv")
    assert len(table) <= STEPS
    assert np.allclose(np.diff(np.log(table["lr"])), np.log(HIGHEST / LOWEST) / (STEPS - 1))
    found = files.read_json(tmp_path / "one" / "lr_range.json")
    assert LOWEST < found["steepest"] <= found["lr"] <= found["lowest_loss"] <= found["last"]
    assert found["lr"] == pytest.approx(np.sqrt(found["steepest"] * found["lowest_loss"]), rel=0.1)


def test_a_training_uses_and_records_the_rate(digits: Path, tmp_path: Path) -> None:
    with files.folder(tmp_path / "range") as fresh:
        files.write_json(fresh / "lr_range.json", {"lr": 0.004})
    options = {"name": "sgd", "momentum": 0.5}
    train.run(spec({**options, "lr": "auto"}), data=digits, rate=tmp_path / "range", out=tmp_path / "auto", log=silent)
    train.run(spec({**options, "lr": 0.004}), data=digits, out=tmp_path / "number", log=silent)
    auto, number = files.read_manifest(tmp_path / "auto"), files.read_manifest(tmp_path / "number")
    assert auto.pop("learning_rate.json")
    assert auto == number
    assert files.read_json(tmp_path / "auto" / "learning_rate.json") == {"lr": 0.004}


def test_without_the_range_test_auto_is_an_error(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lr is auto, but there is no learning-rate range test"):
        train.run(spec({"name": "adamw", "lr": "auto"}), data=digits, out=tmp_path / "model", log=silent)


@pytest.mark.parametrize("optimizer", registry.entries("optimizer"))
def test_every_optimizer_takes_auto(optimizer: str) -> None:
    plan = planned(models={"mlp": {"training": {"optimizer": {"name": optimizer, "lr": "auto"}}}, "resnet": {}})
    [job] = plan.jobs_of("classify lr_range")
    assert job.wildcards == {"policy": "none", "model": "mlp"}
    [rate] = [
        inside
        for option, _, inside in plan.inputs("classify train", policy="none", model="mlp", seed=0)
        if option == "rate"
    ]
    assert rate == (job,)
    assert "rate" not in [option for option, *_ in plan.inputs("classify train", policy="none", model="resnet", seed=0)]


def test_what_the_first_steps_do_not_depend_on_makes_no_range_test_stale() -> None:
    def found(**training: Any) -> str:
        return planned(training={"optimizer": {"lr": "auto"}, **training}, models={"mlp": {}}).spec(
            "classify lr_range", policy="none", model="mlp"
        )

    assert found() == found(epochs=99) == found(schedule="constant")
    assert len({found(), found(batch_size=32), found(optimizer={"name": "sgd", "lr": "auto"})}) == 3


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (
            {"generate": {"models": {"vae": {"training": {"optimizer": {"lr": "auto"}}}}}},
            "generate.models.vae.training",
        ),
        (
            {"audit": {"training": {"optimizer": {"lr": "auto"}}}, "augment": {"a": {"offline": ["hflip"]}}},
            "audit.training",
        ),
    ],
)
def test_auto_is_for_classifiers(section: dict[str, Any], place: str) -> None:
    with pytest.raises(config.ConfigError) as error:
        config.load({"name": "digits", "data": {"source": "sklearn"}, **section}, path="c.yaml")
    assert f"{place}.optimizer.lr: auto is for classifiers only; give a number" in error.value.problems


@pytest.mark.parametrize("rate", ["fast", -1, 0, "0.1", True])
def test_a_wrong_rate_is_one_line(rate: Any) -> None:
    with pytest.raises(config.ConfigError) as error:
        planned(training={"optimizer": {"lr": rate}})
    [line] = error.value.problems
    assert line.startswith("classify.training.optimizer.lr: got ")
    assert "expected number > 0 or auto" in line
