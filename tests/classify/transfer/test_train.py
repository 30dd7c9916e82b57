"""Pretrained networks through the stages `classify features` and `classify train`, on real digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom import files
from darkroom.classify import evaluate, features, train
from darkroom.classify.config import EvaluateSpec, FeaturesSpec, TrainSpec
from darkroom.classify.transfer.frozen import open_features
from darkroom.data.store import labeled, open_store
from darkroom.fit import trainer
from darkroom.fit.model import read_about, rebuild
from darkroom.log import silent
from darkroom.nets.transfer import Pretrained

Weights = Callable[[str], Path]
FLIPS = {"online": ["hflip", "mixup"]}


def network(weights: Weights, architecture: str = "test_efficientnet") -> dict[str, Any]:
    return {"name": "pretrained", "backbone": architecture, "weights": str(weights(architecture)), "size": 32}


def train_spec(weights: Weights, architecture: str = "test_efficientnet", **more: Any) -> TrainSpec:
    training = {"epochs": 2, "batch_size": 100, "precision": "fp32"}
    return TrainSpec.model_validate(
        {"network": network(weights, architecture), "training": training, "seed": 0, **more}
    )


def features_spec(weights: Weights, views: int = 0) -> FeaturesSpec:
    policy = FLIPS if views else {}
    spec = {"network": network(weights), "backbone": None, "policy": policy, "views": views, "seed": 0}
    return FeaturesSpec.model_validate(spec)


@pytest.fixture(scope="module")
def frozen(few: Path, weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frozen") / "features"
    features.run(features_spec(weights, 2), data=few, out=out, log=silent)
    return out


def test_features_are_the_networks_own_whatever_the_number_of_workers(
    frozen: Path, few: Path, weights: Weights, tmp_path: Path
) -> None:
    torch.set_num_threads(2)  # as a process begins on two cores
    features.run(features_spec(weights, 2), data=few, out=tmp_path / "one", log=silent)
    features.run(features_spec(weights, 2), data=few, out=tmp_path / "again", log=silent, workers=3)
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(frozen)
    assert files.read_manifest(tmp_path / "again") == files.read_manifest(frozen)
    store, known = open_store(few), open_features(frozen)
    test = labeled(store, "test")[:5]
    built = Pretrained(store.shape, 10, **{key: value for key, value in network(weights).items() if key != "name"})
    built.load_pretrained()
    images = torch.from_numpy(store.samples[test]).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        np.testing.assert_allclose(known.of(test), built.eval().features(images), rtol=1e-3, atol=1e-4)
    with pytest.raises(KeyError, match="no features of rows"):
        known.of(np.array([len(store.samples)]))


def test_views_are_of_training_images_alone_and_share_their_fold(frozen: Path, few: Path) -> None:
    store, known = open_store(few), open_features(frozen)
    assert set(known.items[known.items["view"] > 0]["split"]) == {"train"}
    rows = labeled(store, "train")
    given = known.examples(store, rows, balanced=False, seed=0)
    assert len(given) == 3 * len(rows)
    folds = given.folds.numpy().reshape(3, len(rows))
    assert (folds == folds[0]).all()
    assert np.array_equal(given.labels.numpy().reshape(3, -1)[2], store.labels[rows])
    views = np.asarray(given.features).reshape(3, len(rows), -1)
    moved = [(views[view] != views[0]).any(1).mean() for view in (1, 2)]
    assert all(0.3 < share < 0.7 for share in moved)  # half of the images are flipped, and none is mixed


@pytest.mark.parametrize(
    "head",
    [
        "class_means",
        "knn",
        pytest.param("logistic", marks=pytest.mark.thorough),
        pytest.param("svm", marks=pytest.mark.thorough),
    ],
)
def test_a_probe_is_saved_as_a_whole_network(
    head: str, frozen: Path, few: Path, weights: Weights, tmp_path: Path
) -> None:
    spec = train_spec(weights, transfer={"name": "probe", "head": head})
    train.run(spec, data=few, features=frozen, out=tmp_path / "model", log=silent)
    about, store = read_about(tmp_path / "model"), open_store(few)
    saved = rebuild("network", tmp_path / "model", about.shape, 10)
    rows = labeled(store, "val")
    images = torch.from_numpy(store.samples[rows]).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        right = (saved(images).argmax(1).numpy() == store.labels[rows]).mean()
    history = (tmp_path / "model" / "history.csv").read_text().splitlines()
    recorded = dict(zip(*(line.split(",") for line in history), strict=True))
    assert right == pytest.approx(float(recorded["val_accuracy"]), abs=0.01)
    assert right > 0.5  # random features tell digits apart to some degree


@pytest.mark.thorough
def test_evaluation_does_not_depend_on_the_number_of_workers(
    frozen: Path, few: Path, weights: Weights, tmp_path: Path
) -> None:
    spec = train_spec(weights, transfer="probe")
    train.run(spec, data=few, features=frozen, out=tmp_path / "model", log=silent)
    judged = EvaluateSpec.model_validate(
        {"network": network(weights), "tta": ["shift"], "tta_merge": "mean", "resamples": 20, "seed": 0}
    )
    for workers in (1, 3):
        out = tmp_path / f"evaluation-{workers}"
        evaluate.run(judged, data=few, model=tmp_path / "model", out=out, log=silent, workers=workers)
    one, three = (files.read_manifest(tmp_path / f"evaluation-{workers}") for workers in (1, 3))
    assert one == three


@pytest.mark.parametrize(
    ("transfer", "architecture"),
    [
        ({"name": "fine_tune", "start_size": 0.5}, "test_efficientnet"),
        pytest.param({"name": "partial", "blocks": 1}, "test_efficientnet", marks=pytest.mark.thorough),
        pytest.param({"name": "lora", "rank": 2}, "test_vit", marks=pytest.mark.thorough),
    ],
    ids=["fine_tune", "partial", "lora"],
)
def test_an_interrupted_run_ends_with_the_same_weights(
    transfer: dict[str, Any],
    architecture: str,
    few: Path,
    weights: Weights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = train_spec(weights, architecture, transfer=transfer, ema=0.9, mixing_off=0.5, policy=FLIPS)
    train.run(spec, data=few, out=tmp_path / "whole", log=silent)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "step/loss" in values and step == 7:  # an epoch has five steps
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train.run(spec, data=few, out=tmp_path / "stopped", checkpoints=tmp_path / "checkpoints", log=stop)
    later: list[int] = []
    log = lambda values, step=None: later.append(step or 0)  # noqa: E731
    train.run(spec, data=few, out=tmp_path / "resumed", checkpoints=tmp_path / "checkpoints", log=log)
    assert min(step for step in later if step) > 5
    whole, resumed = (files.read_manifest(tmp_path / name) for name in ("whole", "resumed"))
    assert whole == resumed


@pytest.mark.thorough
def test_the_head_is_fitted_before_the_first_step(few: Path, frozen: Path, weights: Weights, tmp_path: Path) -> None:
    slow = {"epochs": 1, "batch_size": 256, "precision": "fp32", "optimizer": {"name": "sgd", "lr": 1e-12}}
    spec = train_spec(weights, transfer="fine_tune", training=slow)
    train.run(spec, data=few, features=frozen, out=tmp_path / "model", log=silent)
    header, row = (tmp_path / "model" / "history.csv").read_text().splitlines()
    assert float(dict(zip(header.split(","), row.split(","), strict=True))["val_accuracy"]) > 0.5
