"""Training on shares of the images, on real digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.classify import evaluate, learning_curve, share, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.tuning.config import CurveSpec, ShareSpec
from darkroom.config import load as config
from darkroom.data.store import labeled, open_store
from darkroom.fit.config import Training
from darkroom.log import silent
from darkroom.planning.plan import Plan

SHARES = (0.1, 0.3)


def spec(part: float, seed: int = 0) -> ShareSpec:
    training = {"epochs": 2, "batch_size": 64}
    network = {"name": "mlp", "hidden": [32]}
    return ShareSpec.model_validate({"network": network, "training": training, "seed": seed, "share": part})


def test_shares_are_nested_stratified_and_drawn_by_the_seed(digits: Path) -> None:
    store = open_store(digits)
    rows = labeled(store, "train")
    small, large = (share.share(store, rows, part, seed=0) for part in SHARES)
    assert set(small) < set(large) < set(rows)
    assert len(small) == round(0.1 * len(rows))
    whole = np.bincount(store.labels[rows], minlength=10) * 0.3
    assert np.abs(np.bincount(store.labels[large], minlength=10) - whole).max() <= 1.5
    assert set(share.share(store, rows, 0.1, seed=1)) != set(small)
    with pytest.raises(ValueError, match=r"learning_curve: the share 0\.001 of \d+ training images is 1; raise it"):
        share.share(store, rows[:1000], 0.001, seed=0)


@pytest.mark.parametrize(("part", "epochs"), [(1000, 10), (500, 20), (100, 80), (40, 80)])
def test_a_share_trains_for_as_many_steps_as_all_images(part: int, epochs: int) -> None:
    found = share.as_long(Training(epochs=10, batch_size=128, patience=2), whole=1000, part=part)
    assert found.epochs == epochs
    assert found.patience == epochs // 5


@pytest.mark.thorough
def test_the_curve_has_every_size_and_seed_and_ends_with_the_classifier_itself(digits: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        root = tmp_path / f"none/mlp/seed-{seed}"
        for part in SHARES:
            share.run(spec(part, seed), data=digits, out=root / f"share-{part}", log=silent)
        whole = TrainSpec.model_validate(spec(1, seed).model_dump(exclude={"share"}))
        train.run(whole, data=digits, out=root / "model", log=silent)
        how = EvaluateSpec.model_validate(
            {"network": "mlp", "tta": [], "tta_merge": "mean", "resamples": 50, "seed": seed}
        )
        evaluate.run(how, data=digits, model=root / "model", out=root / "evaluation", log=silent)
    one = {
        "policy": "none",
        "model": "mlp",
        "seeds": [0, 1],
        "shares": [[f"none/mlp/seed-{seed}/share-{part}" for seed in (0, 1)] for part in SHARES],
        "evaluations": [f"none/mlp/seed-{seed}/evaluation" for seed in (0, 1)],
    }
    made = CurveSpec.model_validate({"classifiers": [one], "left_out": {}})
    learning_curve.run(made, data=digits, classifiers=tmp_path, out=tmp_path / "curve", log=silent)
    [curve] = files.read_json(tmp_path / "curve" / "learning_curve.json")["curves"]
    store = open_store(digits)
    rows = len(labeled(store, "train"))
    assert curve["sizes"] == [round(0.1 * rows), round(0.3 * rows), rows]
    assert curve["forecasts"] == []
    assert curve["reason"] == "a forecast needs 4 sizes and two seeds"
    right = pd.read_parquet(tmp_path / "curve" / "predictions.parquet")
    means = right.groupby(["images", "seed"])["right"].mean()
    for size, values in zip(curve["sizes"], curve["scores"], strict=True):
        assert [value["value"] for value in values] == pytest.approx([means[size, seed] for seed in (0, 1)])
        assert all(value["low"] < value["value"] < value["high"] for value in values)


def planned(**classify: Any) -> Plan:
    return Plan(config.load({"name": "digits", "data": {"source": "sklearn"}, "classify": classify}, path="c.yaml"))


def test_all_images_are_not_trained_on_twice() -> None:
    plan = planned(learning_curve=[1, 0.3, 0.1], models={"mlp": {}}, seeds=2)
    assert [job.wildcards["share"] for job in plan.jobs_of("classify share")] == ["0.1", "0.1", "0.3", "0.3"]
    [(_, _, needed)] = [read for read in plan.inputs("classify learning_curve") if read[0] == "classifiers"]
    assert {job.stage for job in needed} == {"classify share", "classify evaluate"}
    assert not planned(learning_curve=[1]).jobs_of("classify learning_curve")


@pytest.mark.parametrize("wrong", [[0], [1.5], [0.1, 0.1], []])
def test_a_wrong_share_is_a_line_with_its_key(wrong: list[float]) -> None:
    with pytest.raises(config.ConfigError) as error:
        planned(learning_curve=wrong)
    [line] = error.value.problems
    assert line.startswith("classify.learning_curve")
