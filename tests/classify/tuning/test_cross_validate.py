"""Cross-validation through its stages, on real digits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.classify import cross_validate, fold
from darkroom.classify.tuning.config import CrossValidateSpec, FoldSpec
from darkroom.classify.tuning.folds import folds, pool
from darkroom.config import load as config
from darkroom.data.store import describe_store, open_store
from darkroom.log import silent
from darkroom.measure.resampled import corrected_interval
from darkroom.planning.plan import Plan


def spec(number: int, *, count: int = 2, **training: Any) -> FoldSpec:
    training = {"epochs": 2, "batch_size": 64, **training}
    return FoldSpec.model_validate(
        {"network": {"name": "mlp", "hidden": [32]}, "training": training, "seed": 0, "folds": count, "fold": number}
    )


@pytest.fixture(scope="module")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folds")
    for model, epochs in (("short", 1), ("long", 3)):
        for number in range(2):
            fold.run(
                spec(number, epochs=epochs), data=digits, out=root / f"none/{model}/seed-0/fold-{number}", log=silent
            )
    return root


def pooled(root: Path, digits: Path, out: Path) -> dict[str, Any]:
    classifiers = [
        {
            "policy": "none",
            "model": model,
            "folds": [{"seed": 0, "fold": k, "folder": f"none/{model}/seed-0/fold-{k}"} for k in range(2)],
        }
        for model in ("short", "long")
    ]
    made = CrossValidateSpec.model_validate({"folds": 2, "classifiers": classifiers, "left_out": {}})
    cross_validate.run(made, data=digits, folds=root, out=out, log=silent)
    found: dict[str, Any] = files.read_json(out / "cross_validation.json")
    return found


def test_every_image_outside_the_test_split_is_predicted_once(trained: Path, digits: Path, tmp_path: Path) -> None:
    found, store = pooled(trained, digits, tmp_path / "pooled"), open_store(digits)
    table = pd.read_parquet(tmp_path / "pooled" / "predictions.parquet")
    known = store.items["id"].to_numpy()[pool(store)]
    assert found["images"] == len(known)
    for _, one in table.groupby("model"):
        assert sorted(one["id"]) == sorted(known)
    right = {
        model: (
            one.filter(regex="^output").to_numpy().argmax(1)
            == store.labels[pd.Index(store.items["id"]).get_indexer(one["id"])]
        ).mean()
        for model, one in table.groupby("model")
    }
    for one in found["classifiers"]:
        score = one["scores"]["accuracy"]
        assert score["pooled"] == pytest.approx(right[one["model"]])
        assert score["value"] == pytest.approx(right[one["model"]], abs=1e-3)  # folds differ by an image or so
        assert (score["low"], score["high"]) == pytest.approx(
            [corrected_interval(score["folds"], 1.0)[end] for end in ("low", "high")], abs=1e-2
        )
    [difference] = found["differences"]
    assert difference["value"] == pytest.approx(
        np.subtract(*[one["scores"]["accuracy"]["value"] for one in found["classifiers"]])
    )
    assert 0 <= difference["p"] == difference["p_holm"] <= 1


def test_early_stopping_watches_no_held_out_image(digits: Path, tmp_path: Path) -> None:
    fold.run(spec(0, patience=1), data=digits, out=tmp_path / "watched", log=silent)
    fold.run(spec(0), data=digits, out=tmp_path / "plain", log=silent)
    watched, plain = (files.read_json(tmp_path / name / "fold.json") for name in ("watched", "plain"))
    assert watched["held_out"] == plain["held_out"]
    assert watched["trained"] == pytest.approx(0.9 * plain["trained"], rel=0.02)


def test_folds_keep_groups_whole_and_classes_even(digits: Path) -> None:
    store = open_store(digits)
    rows = pool(store)
    found = folds(store, rows, count=5, seed=0)
    groups = store.items["group"].to_numpy()[rows]
    assert all(len(np.unique(found[groups == group])) == 1 for group in np.unique(groups))
    counts = np.array([np.bincount(store.labels[rows][found == k], minlength=10) for k in range(5)])
    assert np.ptp(counts, axis=0).max() <= 2


@pytest.mark.parametrize(("left", "cure"), [(3, "lower it to 3"), (1, "add images, or remove it")])
def test_more_folds_than_images_of_a_class_is_one_line(digits: Path, tmp_path: Path, left: int, cure: str) -> None:
    store = open_store(digits)
    threes = np.flatnonzero((store.labels == 3) & (store.items["split"] != "test").to_numpy())
    items = store.items.copy()
    items.loc[threes[left:], "label"] = -1
    with files.folder(tmp_path / "rare") as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples))
        describe_store(fresh, name="rare", classes=store.classes, items=items)
    with pytest.raises(ValueError, match=rf'cross_validate is 5, .* only {left} images of class "3" .*; {cure}'):
        fold.run(spec(0, count=5), data=tmp_path / "rare", out=tmp_path / "fold", log=silent)


def test_classifiers_that_saw_images_left_aside_are_left_out() -> None:
    raw = {
        "name": "digits",
        "data": {"source": "sklearn"},
        "augment": {"drawn": {"synthetic": {"model": "vae", "seed": 1}}},
        "generate": {"models": {"vae": {"training": {"devices": 2}}}, "seeds": [1]},
        "classify": {
            "cross_validate": 3,
            "learning_curve": [0.5, 1],
            "models": {"mlp": {}, "student": {"network": "mlp", "loss": {"name": "distillation", "teacher": "mlp"}}},
        },
    }
    plan = Plan(config.load(raw, path="c.yaml"))
    jobs = plan.jobs_of("classify fold")
    known = {(job.wildcards["policy"], job.wildcards["model"]) for job in jobs}
    assert known == {("none", "mlp"), ("drawn", "mlp")}
    assert len(jobs) == 6
    assert set(plan.resolved("classify cross_validate").left_out) == {"student + none", "student + drawn"}
    assert set(plan.resolved("classify learning_curve").left_out) == {
        "mlp + drawn",
        "student + none",
        "student + drawn",
    }
    read = {
        job.wildcards["policy"]: {option: path for option, path, _ in plan.inputs(job.stage, **job.wildcards)}
        for job in jobs
    }
    assert "copies" not in read["none"]
    assert read["drawn"]["copies"] == plan.folder("generate fold", policy="drawn", seed=0, fold=2)
    made = plan.resolved("generate fold", policy="drawn", seed=0, fold=2)
    assert (made.seed, made.fold, made.train.seed, made.train.training.devices) == (0, 2, 1, 1)


def test_copies_of_held_out_images_are_not_trained_on(digits: Path, tmp_path: Path) -> None:
    policy = Policy(copies=1, offline=["affine"])  # type: ignore[list-item]
    apply.run(policy.apply_spec, data=digits, out=tmp_path / "copies", log=silent)
    shutil.copytree(tmp_path / "copies", tmp_path / "spoiled")
    held_out = pd.read_parquet(trained_without(0, digits, tmp_path / "copies", tmp_path / "a"))["id"]
    items = open_store(tmp_path / "spoiled").items
    samples = np.load(tmp_path / "spoiled" / "samples.npy")
    samples[items["parent"].isin(held_out)] = 255
    assert 0 < (samples == 255).all((1, 2, 3)).sum() < len(samples)
    np.save(tmp_path / "spoiled" / "samples.npy", samples)
    trained_without(0, digits, tmp_path / "spoiled", tmp_path / "b")
    trained_without(0, digits, None, tmp_path / "c")
    same, other = (
        (tmp_path / "a" / "predictions.parquet").read_bytes() == (tmp_path / name / "predictions.parquet").read_bytes()
        for name in ("b", "c")
    )
    assert same
    assert not other


def trained_without(number: int, data: Path, copies: Path | None, out: Path) -> Path:
    fold.run(spec(number), data=data, copies=copies, out=out, log=silent)
    return out / "predictions.parquet"
