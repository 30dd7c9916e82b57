"""Training on several labels and on numbers, through the stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.data.store import describe_store, labeled, open_store
from darkroom.data.target import Kind
from darkroom.fit.model import HISTORY, predict, read_about, rebuild
from darkroom.log import silent

LOSSES: dict[Kind, str] = {"labels": "binary_cross_entropy", "numbers": "huber"}


def spec(kind: Kind, epochs: int = 6, **more: Any) -> TrainSpec:
    training = {"epochs": epochs, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.003}}
    return TrainSpec.model_validate({"network": "mlp", "loss": LOSSES[kind], "training": training, "seed": 0, **more})


@pytest.mark.training
@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_a_model_answers_in_the_targets_units(kind: Kind, targeted: Callable[[Kind], Path], tmp_path: Path) -> None:
    data = targeted(kind)
    online = [{"name": "mixup"}] if kind == "labels" else []
    train.run(spec(kind, policy={"online": online}), data=data, out=tmp_path / "model", log=silent)
    store, about = open_store(data), read_about(tmp_path / "model")
    assert (about.target, about.classes) == (store.target, ())
    assert about.link == ("sigmoid" if kind == "labels" else "identity")
    network = rebuild("network", tmp_path / "model", about.shape, len(about.target.names))
    rows = labeled(store, "test")
    outputs, truth = predict(network, store.samples, rows), store.targets[rows]
    if kind == "labels":
        assert ((outputs > 0) == truth).mean() > 0.9
    else:
        unexplained = ((outputs - truth) ** 2).mean(0) / truth.var(0)
        assert (unexplained < 0.4).all()
    history = pd.read_csv(tmp_path / "model" / HISTORY)
    score = "f1" if kind == "labels" else "standardized_mae"
    assert {f"{part}_{name}" for part in ("train", "val") for name in ("loss", score)} <= set(history.columns)
    assert ("val_map" in history) == (kind == "labels")
    assert history["val_loss"].iloc[-1] < history["val_loss"].iloc[0]


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_the_same_spec_and_data_give_the_same_bytes(
    kind: Kind, targeted: Callable[[Kind], Path], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        train.run(spec(kind, epochs=1), data=targeted(kind), out=tmp_path / name, log=silent)
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(tmp_path / "two")


@pytest.mark.parametrize(("kind", "expected"), [("labels", "all have the same ones"), ("numbers", '"ink" is 5 in all')])
def test_a_target_that_never_varies_is_refused(
    kind: Kind, expected: str, targeted: Callable[[Kind], Path], tmp_path: Path
) -> None:
    store = open_store(targeted(kind))
    constant = dict.fromkeys(store.target.columns, np.float32(1 if kind == "labels" else 5))
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", store.samples)
        describe_store(fresh, name="flat", classes=(), items=store.items.assign(**constant), target=store.target)
    with pytest.raises(ValueError, match=expected):
        train.run(spec(kind), data=tmp_path / "data", out=tmp_path / "model", log=silent)
