"""Lists of optimizers, and training keys that do not go together, checked before any job starts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.config.slips import load, problems

from darkroom.fit.config import Training, start


def training(**keys: Any) -> dict[str, Any]:
    return {"classify": {"training": keys}}


def test_a_list_of_optimizers_survives_the_spec_of_a_job() -> None:
    turns = ["adamw", {"name": "sgd", "lr": "1e-2", "from": 0.7}]
    made: Any = Training.model_validate({"optimizer": turns})
    assert [(one.name, start(one)) for one in made.optimizer] == [("adamw", 0), ("sgd", 0.7)]
    dumped = made.model_dump(mode="json")
    assert dumped["optimizer"][1] | {"name": "sgd", "lr": 0.01, "from": 0.7} == dumped["optimizer"][1]
    assert Training.model_validate(json.loads(json.dumps(dumped))) == made


def test_a_member_inherits_a_list_as_a_whole() -> None:
    turns = ["adamw", {"name": "sgd", "from": 0.7}]
    loaded: Any = load(classify={"training": {"optimizer": turns}, "models": {"mlp": {"training": {"epochs": 3}}}})
    assert [one.name for one in loaded.classify.models["mlp"].training.optimizer] == ["adamw", "sgd"]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            training(optimizer=["adamw", {"name": "sgd", "from": 1.2}]),
            "classify.training.optimizer[1].from: got 1.2; expected number ≥ 0, < 1",
        ),
        (
            training(optimizer=["adamw", {"name": "sgd", "fron": 0.2}]),
            'classify.training.optimizer[1].fron: no such key. Did you mean "from"?',
        ),
        (training(optimizer=["adamw", "sgdd"]), 'classify.training.optimizer[1]: no optimizer "sgdd". Did you mean "sgd"?'),
        (training(optimizer=["adamw", "sgd"]), "classify.training.optimizer: each optimizer takes over after"),
        (
            training(optimizer=["adamw", {"name": "sgd", "from": 0.5}, {"name": "adam", "from": 0.4}]),
            "classify.training.optimizer: each optimizer takes over after the one before it, but their from are 0, 0.5, 0.4",
        ),
        (
            training(optimizer=[{"name": "sgd", "from": 0.5}]),
            "classify.training.optimizer: the first optimizer starts the run, but its from is 0.5",
        ),
        (training(optimizer=[{"name": "sgd", "lr": "auto"}]), "classify.training.optimizer: lr: auto finds the rate of a single"),
        (training(optimizer={"name": "sgd", "from": 0.5}), "classify.training.optimizer.from: no such key"),
        (training(patience=3, swa=0.2), "classify.training: patience may stop the run before swa"),
        (training(epochs=4, schedule={"name": "plateau", "patience": 3}), "classify.training: schedule.patience is 3"),
        (training(schedule={"warmup": 1}), "classify.training.schedule.warmup: got 1; expected number ≥ 0, < 1"),
        (training(schedule={"name": "step", "gamma": 1}), "classify.training.schedule.gamma: got 1; expected number > 0, < 1"),
        (training(schedule={"name": "plateau", "factor": 1}), "classify.training.schedule.factor: got 1; expected"),
        (training(swa=1.0), "classify.training.swa: got 1.0; expected number > 0, < 1"),
        (training(l1=-1), "classify.training.l1: got -1; expected number ≥ 0"),
        (training(clip_value=0), "classify.training.clip_value: got 0; expected number > 0"),
        (training(optimizer={"weight_decay": -0.1}), "classify.training.optimizer.weight_decay: got -0.1; expected number ≥ 0"),
        (
            {"classify": {"models": {"mlp": {"loss": {"name": "focal", "alpha": [1, -1]}}}}},
            "classify.models.mlp.loss.alpha[1]: got -1; expected number ≥ 0",
        ),
        ({"classify": {"models": {"mlp": {"loss": {"name": "focal", "alpha": [1]}}}}}, "classify.models.mlp.loss.alpha: got"),
        ({"classify": {"models": {"mlp": {"ema": 0.9, "training": {"swa": 0.2}}}}}, "classify.models.mlp: ema and training.swa"),
        ({"audit": {"training": {"patience": 3}}}, "audit.training: patience needs validation images"),
        (
            {"generate": {"models": {"gan": {"training": {"patience": 3}}}}},
            "generate.models.gan: training.patience does not go with gan: its losses do not tell how good its samples are",
        ),
        (
            {"generate": {"models": {"gan": {"training": {"schedule": "plateau"}}}}},
            "generate.models.gan: training.schedule does not go with gan",
        ),
        (
            {"detect": {"normal": "0", "detectors": {"fanogan": {"training": {"swa": 0.2}}}}},
            "detect.detectors.fanogan: training.swa does not go with fanogan: it keeps a moving average",
        ),
        ({"generate": {"models": {"diffusion": {"training": {"swa": 0.2}}}}}, "generate.models.diffusion: training.swa"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_said_with_its_key(sections: dict[str, Any], expected: str) -> None:
    found = problems(**sections)
    assert len(found) == 1, found
    assert found[0].startswith(expected), found[0]
