"""Evaluating models of several labels and of numbers, through the stages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

import darkroom
from darkroom import files
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.evaluation.numbers import CONSTANT
from darkroom.classify.evaluation.outputs import NO_VALIDATION
from darkroom.data.store import describe_store, labeled, open_store
from darkroom.data.target import Kind
from darkroom.log import silent

Targeted = Callable[[Kind], Path]
LOSSES: dict[Kind, str] = {"labels": "binary_cross_entropy", "numbers": "huber"}


@pytest.fixture(scope="module")
def models(targeted: Targeted, tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    root = tmp_path_factory.mktemp("models")
    training = {"epochs": 6, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.003}}
    for kind, loss in LOSSES.items():
        spec = TrainSpec.model_validate({"network": "mlp", "loss": loss, "training": training, "seed": 0})
        train.run(spec, data=targeted(kind), out=root / kind, log=silent)
    return {kind: root / kind for kind in LOSSES}


def evaluated(data: Path, model: Path, out: Path, merge: str = "mean") -> tuple[dict[str, Any], dict[str, float]]:
    """Evaluate with shifted views; return metrics.json and what was logged."""
    raw = {"network": "mlp", "tta": ["shift"], "tta_merge": merge, "resamples": 100, "seed": 0}
    logged: dict[str, float] = {}
    evaluate.run(
        EvaluateSpec.model_validate(raw),
        data=data,
        model=model,
        out=out,
        log=lambda values, step=None: logged.update(values),
    )
    return files.read_json(out / "metrics.json"), logged


@pytest.mark.training
def test_labels_have_metrics_thresholds_and_predictions(
    targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    found, logged = evaluated(targeted("labels"), models["labels"], tmp_path / "out")
    store = open_store(targeted("labels"))
    truth = store.targets[labeled(store, "test")]
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert np.array_equal(table.filter(regex="^true_").to_numpy(), truth)
    for view in ("plain", "tta"):
        called = table.filter(regex=f"^prediction_{view}_").to_numpy()
        chances = table.filter(regex=f"^p_{view}_").to_numpy()
        values = found["views"][view]["calibrated"]
        assert values["micro_f1"]["value"] == pytest.approx(reference.f1_score(truth, called, average="micro"))
        assert values["map"]["value"] == pytest.approx(reference.average_precision_score(truth, chances))
        assert values["micro_f1"]["value"] > 0.9
        for k, parts in enumerate(found["per_label"][view].values()):
            assert np.array_equal(called[:, k], chances[:, k] >= parts["threshold"])
            assert parts["support"] == truth[:, k].sum()
    assert list(found["per_label"]["plain"]) == ["even", "loop", "low"]
    assert logged["test/map"] == found["views"]["plain"]["raw"]["map"]["value"]
    assert "test/per_label/even/threshold" in logged
    assert {"labels.png", "precision_recall.png", "curves.png"} <= set(files.read_manifest(tmp_path / "out"))


@pytest.mark.training
def test_numbers_have_errors_and_intervals_in_units(
    targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    found, logged = evaluated(targeted("numbers"), models["numbers"], tmp_path / "out")
    store = open_store(targeted("numbers"))
    truth = store.targets[labeled(store, "test")].astype(np.float64)
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    for view in ("plain", "tta"):
        predicted = table.filter(regex=f"^prediction_{view}_").to_numpy()
        for m, (name, parts) in enumerate(found["per_number"][view].items()):
            assert parts["mae"]["value"] == pytest.approx(np.abs(predicted - truth)[:, m].mean())
            assert parts["r2"]["value"] == pytest.approx(reference.r2_score(truth[:, m], predicted[:, m]))
            assert 0.8 < found["conformal"][view][name]["coverage"]["value"] <= 1
    assert list(found["per_number"]["plain"]) == ["ink", "value"]
    assert found["views"]["plain"]["r2"]["value"] > 0.6
    assert "mae" not in found["views"]["plain"]  # of numbers in different units
    assert logged["test/per_number/ink/conformal/half_width"] > 0
    assert {"predicted.png", "residuals.png", "curves.png"} <= set(files.read_manifest(tmp_path / "out"))


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_learned_weights_of_views_and_the_same_bytes_again(
    kind: Kind, targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    found, _ = evaluated(targeted(kind), models[kind], tmp_path / "one", merge="learned")
    evaluated(targeted(kind), models[kind], tmp_path / "two", merge="learned")
    assert sum(found["tta"]["weights"].values()) == pytest.approx(1)
    assert next(iter(found["tta"]["weights"])) == "plain"
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(tmp_path / "two")


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_a_loaded_model_answers_as_its_evaluation_did(
    kind: Kind, targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    found, _ = evaluated(targeted(kind), models[kind], tmp_path / "evaluation")
    (tmp_path / "model").symlink_to(models[kind])
    store = open_store(targeted(kind))
    images, loaded = store.samples[labeled(store, "test")], cast(Any, darkroom.load(tmp_path))
    table = pd.read_parquet(tmp_path / "evaluation" / "predictions.parquet")
    predicted = table.filter(regex="^prediction_plain_").to_numpy()
    if kind == "labels":
        assert loaded.labels == store.target.names
        assert ((loaded(images) >= loaded.thresholds) == predicted).mean() > 0.99  # float32 at a threshold
        assert loaded(images) == pytest.approx(table.filter(regex="^p_plain_").to_numpy(), abs=1e-4)
    else:
        assert loaded.numbers == store.target.names
        assert loaded(images) == pytest.approx(predicted, rel=1e-4, abs=1e-5)
        widths = [found["conformal"]["plain"][name]["half_width"] for name in loaded.numbers]
        assert loaded.half_widths == pytest.approx(widths)
    bare = cast(Any, darkroom.load(models[kind]))
    assert bare.thresholds.tolist() == [0.5] * 3 if kind == "labels" else bare.half_widths is None


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_without_validation_images_nothing_is_chosen(
    kind: Kind, targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    """One label, or number, is also the same for all of the two test images that are left."""
    store = open_store(targeted(kind))
    items = store.items.assign(split=store.items["split"].replace("val", "train"))
    test = labeled(store, "test")
    items.loc[test[2:], "split"] = "train"
    items.loc[test[:2], store.target.columns[0]] = np.float32(0)
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", store.samples)
        describe_store(fresh, name="few", classes=(), items=items, target=store.target)
    found, logged = evaluated(tmp_path / "data", models[kind], tmp_path / "out", merge="learned")
    assert found["items"] == 2
    assert found["tta"]["note"] == NO_VALIDATION
    assert set(found["tta"]["weights"].values()) == {1 / len(found["tta"]["looks"])}
    assert all(np.isfinite(value) for value in logged.values())
    first, name = store.target.names[0], "per_label" if kind == "labels" else "per_number"
    if kind == "labels":
        parts = found[name]["plain"][first]
        assert parts["f1"]["value"] is parts["auroc"]["value"] is None
        assert (parts["threshold"], parts["calibration"]["slope"]) == (0.5, 1.0)
    else:
        assert found[name]["plain"][first]["r2"] == {"value": None, "reason": CONSTANT}
        assert found["conformal"]["plain"][first]["coverage"]["value"] is None


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_each_named_group_has_its_own_score_with_an_interval(
    kind: Kind, targeted: Targeted, models: dict[Kind, Path], tmp_path: Path
) -> None:
    data = targeted(kind)
    store = open_store(data)
    shutil.copytree(data, tmp_path / "data")
    with files.folder(tmp_path / "data") as fresh:
        shutil.copyfile(data / "samples.npy", fresh / "samples.npy")
        shutil.copyfile(data / "preparation.json", fresh / "preparation.json")
        cameras = np.array(["left", "right"])[np.arange(len(store.items)) % 2]
        items = store.items.assign(group_name=cameras)
        describe_store(fresh, name="two cameras", classes=store.classes, items=items, target=store.target)
    found, _ = evaluated(tmp_path / "data", models[kind], tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    own = items.set_index("id")["group_name"].loc[table["id"]].to_numpy()
    assert set(found["by_group"]) == {"left", "right"}
    for name, group in found["by_group"].items():
        rows = table[own == name]
        truth, predicted = (rows.filter(regex=f"^{part}_").to_numpy() for part in ("true", "prediction_plain"))
        key, score = (
            ("micro_f1", reference.f1_score(truth, predicted, average="micro"))
            if kind == "labels"
            else (
                "mae/0",
                reference.mean_absolute_error(truth[:, 0], predicted[:, 0]),
            )
        )
        assert group["items"] == len(rows)
        assert group[key]["value"] == pytest.approx(score)
        assert group[key]["low"] <= score <= group[key]["high"]
    assert "by_group" not in evaluated(data, models[kind], tmp_path / "plain")[0]
