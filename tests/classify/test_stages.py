"""Training and evaluating a classifier through its stages, on real digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom import files, registry
from darkroom.classify import evaluate, lr_range, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.evaluation import one_class
from darkroom.classify.metrics import SCORES
from darkroom.data.store import Store, describe_store, labeled, open_store
from darkroom.fit.model import read_about
from darkroom.log import silent


def train_spec(network: str = "mlp", seed: int = 0, epochs: int = 4) -> TrainSpec:
    return TrainSpec.model_validate(
        {"network": network, "training": {"epochs": epochs, "batch_size": 64}, "seed": seed}
    )


def evaluate_spec(*views: str, merge: str = "mean") -> EvaluateSpec:
    spec = {"network": "mlp", "tta": list(views), "tta_merge": merge, "resamples": 200, "seed": 0}
    return EvaluateSpec.model_validate(spec)


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("classify") / "model"
    train.run(train_spec(), data=digits, out=out, log=silent)
    return out


def test_the_same_spec_and_data_give_the_same_bytes(model: Path, digits: Path, tmp_path: Path) -> None:
    train.run(train_spec(), data=digits, out=tmp_path / "again", log=silent)
    assert files.read_manifest(model) == files.read_manifest(tmp_path / "again")
    train.run(train_spec(seed=1), data=digits, out=tmp_path / "other", log=silent)
    other = files.read_manifest(tmp_path / "other")
    assert other["weights.pt"] != files.read_manifest(model)["weights.pt"]
    assert other["model.json"] == files.read_manifest(model)["model.json"]
    assert read_about(model).link == "softmax"


@pytest.mark.training
def test_evaluation_writes_every_number_with_its_interval(model: Path, digits: Path, tmp_path: Path) -> None:
    logged: dict[str, float] = {}
    evaluate.run(
        evaluate_spec("shift"),
        data=digits,
        model=model,
        out=tmp_path / "evaluation",
        log=lambda values, step=None: logged.update(values),
    )
    found = files.read_json(tmp_path / "evaluation" / "metrics.json")
    store = open_store(digits)
    test = labeled(store, "test")
    for view in ("plain", "tta"):
        for kind in ("raw", "calibrated"):
            for score in SCORES:
                interval = found["views"][view][kind][score]
                assert interval["low"] <= interval["value"] <= interval["high"], (view, kind, score)
        assert np.sum(found["confusion"][view]) == found["items"] == len(test)
    table = pd.read_parquet(tmp_path / "evaluation" / "predictions.parquet")
    right = {view: (table[f"prediction_{view}"] == table["label"]).to_numpy() for view in ("plain", "tta")}
    assert found["views"]["plain"]["raw"]["accuracy"]["value"] == pytest.approx(right["plain"].mean())
    assert found["tta"]["fixed"] == (right["tta"] & ~right["plain"]).sum()
    assert found["tta"]["broken"] == (right["plain"] & ~right["tta"]).sum()
    assert np.allclose(table.filter(regex="^p_plain").sum(axis=1), 1)
    assert found["views"]["plain"]["raw"]["accuracy"]["value"] > 0.8
    assert logged["test/accuracy"] == found["views"]["plain"]["raw"]["accuracy"]["value"]
    assert {"confusion.png", "reliability.png", "curves.png"} <= set(files.read_manifest(tmp_path / "evaluation"))


def test_one_class_is_not_enough(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    items = store.items.assign(label=0)
    with files.folder(tmp_path / "one") as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples))
        describe_store(fresh, name="one", classes=("only",), items=items)
    with pytest.raises(ValueError, match='at least two classes; one has only "only"'):
        train.run(train_spec(), data=tmp_path / "one", out=tmp_path / "model", log=silent)
    assert not (tmp_path / "model").exists()


def test_factors_for_another_number_of_classes_are_said_before_the_training(digits: Path, tmp_path: Path) -> None:
    spec = TrainSpec.model_validate({"network": "mlp", "loss": {"name": "focal", "alpha": [1, 2]}, "seed": 0})
    for job, inputs in ((train, {"checkpoints": tmp_path / "checkpoints"}), (lr_range, {})):
        with pytest.raises(
            ValueError, match=r"loss\.alpha of this model in classify\.models has 2 factors.* 10 classes"
        ):
            job.run(spec, data=digits, out=tmp_path / "model", log=silent, **inputs)
    assert list(tmp_path.iterdir()) == []


def without(store: Store, gone: pd.Series[bool], out: Path) -> Path:
    """The store with these items no longer in test."""
    items = store.items.assign(split=store.items["split"].mask(gone & (store.items["split"] == "test"), "train"))
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples))
        describe_store(fresh, name=store.name, classes=store.classes, items=items)
    return out


def test_a_missing_test_split_is_said_before_the_training(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    data = without(store, store.items["label"] >= 0, tmp_path / "data")
    with pytest.raises(ValueError, match=r"no labeled test images; set data\.split\.test above 0"):
        train.run(train_spec(), data=data, out=tmp_path / "model", log=silent)


def test_a_class_without_test_images_has_no_numbers(model: Path, digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    data = without(store, store.items["label"] == 3, tmp_path / "data")
    evaluate.run(evaluate_spec(), data=data, model=model, out=tmp_path / "evaluation", log=silent)
    found = files.read_json(tmp_path / "evaluation" / "metrics.json")["per_class"]["plain"]
    for label, parts in found.items():
        assert (parts["support"] == 0) == (label == "3")
        for part in ("precision", "recall", "f1"):
            assert (parts[part]["value"] is None) == (label == "3")
    assert found["3"]["f1"]["reason"] == one_class.NO_ITEM


def test_every_network_is_trained_from_its_registered_name(digits: Path, tmp_path: Path) -> None:
    for name in registry.taking("network", "image"):
        if name != "pretrained":  # tests/nets/test_transfer.py
            train.run(train_spec(name, epochs=1), data=digits, out=tmp_path / name, log=silent)
            assert read_about(tmp_path / name).plugin["name"] == name


@pytest.mark.training
def test_a_student_learns_from_its_teacher(model: Path, digits: Path, tmp_path: Path) -> None:
    spec = {
        "network": {"name": "mlp", "hidden": [64], "dropout": 0},
        "training": {"epochs": 4, "batch_size": 64},
        "seed": 0,
    }
    loss = {"name": "distillation", "teacher": "mlp", "weight": 1.0}
    taught = TrainSpec.model_validate({**spec, "loss": loss})
    train.run(taught, data=digits, teacher=model, out=tmp_path / "student", log=silent)
    train.run(taught, data=digits, teacher=model, out=tmp_path / "again", log=silent)
    assert files.read_manifest(tmp_path / "student") == files.read_manifest(tmp_path / "again")
    history = pd.read_csv(tmp_path / "student" / "history.csv")
    assert history.filter(like="accuracy").iloc[-1].min() > 0.7  # from the teacher alone, without a label
