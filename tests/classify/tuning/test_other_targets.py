"""Folds, shares, range tests and trials of models of several labels and of numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.classify import cross_validate, evaluate, fold, learning_curve, lr_range, share, train, trial
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.tuning.config import CrossValidateSpec, CurveSpec, FoldSpec, ShareSpec
from darkroom.classify.tuning.scores import MAIN
from darkroom.classify.tuning.search_config import TrialSpec
from darkroom.data.target import Kind
from darkroom.log import silent

LOSSES: dict[Kind, str] = {"labels": "binary_cross_entropy", "numbers": "huber"}
ONE = {"policy": "none", "model": "mlp"}


@pytest.mark.parametrize("kind", LOSSES)
def test_every_job_follows_the_target(kind: Kind, targeted: Callable[[Kind], Path], tmp_path: Path) -> None:
    data, main, root = targeted(kind), MAIN[kind], tmp_path / "none/mlp/seed-0"
    training: dict[str, Any] = {"epochs": 1, "batch_size": 128}
    base = {"network": {"name": "mlp", "hidden": [16]}, "loss": LOSSES[kind], "training": training, "seed": 0}
    for number in (0, 1):
        held = FoldSpec.model_validate({**base, "folds": 2, "fold": number})
        fold.run(held, data=data, out=root / f"fold-{number}", log=silent)
    folds = [{"seed": 0, "fold": number, "folder": f"none/mlp/seed-0/fold-{number}"} for number in (0, 1)]
    pooled = CrossValidateSpec.model_validate({"folds": 2, "classifiers": [{**ONE, "folds": folds}], "left_out": {}})
    cross_validate.run(pooled, data=data, folds=tmp_path, out=tmp_path / "pooled", log=silent)
    found = files.read_json(tmp_path / "pooled" / "cross_validation.json")
    assert found["main"] == main
    assert len(found["classifiers"][0]["scores"][main]["folds"]) == 2

    share.run(ShareSpec.model_validate({**base, "share": 0.5}), data=data, out=root / "share-0.5", log=silent)
    train.run(TrainSpec.model_validate(base), data=data, out=root / "model", log=silent)
    how = {"network": "mlp", "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(EvaluateSpec.model_validate(how), data=data, model=root / "model", out=root / "evaluation", log=silent)
    curve = {**ONE, "seeds": [0], "shares": [["none/mlp/seed-0/share-0.5"]]}
    curve |= {"evaluations": ["none/mlp/seed-0/evaluation"]}
    made = CurveSpec.model_validate({"classifiers": [curve], "left_out": {}})
    learning_curve.run(made, data=data, classifiers=tmp_path, out=tmp_path / "curve", log=silent)
    [one] = files.read_json(tmp_path / "curve" / "learning_curve.json")["curves"]
    assert len(one["scores"]) == 2

    auto = TrainSpec.model_validate({**base, "training": {**training, "optimizer": {"lr": "auto"}}})
    lr_range.run(auto, data=data, out=tmp_path / "range", log=silent)
    assert files.read_json(tmp_path / "range" / "lr_range.json")["lr"] > 0

    tried = TrialSpec.model_validate({**base, "method": "random", "space": {}, "values": {}, "trial": 0})
    trial.run(tried, data=data, out=tmp_path / "trial", log=silent)
    result = files.read_json(tmp_path / "trial" / "trial.json")
    assert result["score"] is not None
    assert result["loss"] > 0
