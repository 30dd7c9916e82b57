"""Early stopping and diagnostics of a classifier, from its spec to its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from darkroom import files
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit.model import DIAGNOSTICS, HISTORY, predict, rebuild
from darkroom.log import silent


def spec(training: dict[str, Any], **keys: Any) -> TrainSpec:
    training = {"batch_size": 256, "precision": "fp32", **training}
    return TrainSpec.model_validate({"network": "mlp", "seed": 0, "training": training, **keys})


def test_early_stopping_keeps_the_averaged_weights_that_were_validated(digits: Path, tmp_path: Path) -> None:
    training = {"epochs": 12, "patience": 2, "optimizer": {"name": "sgd", "lr": 3.0}, "schedule": "constant"}
    train.run(spec(training, ema=0.9), data=digits, out=tmp_path / "model", log=silent)
    history = pd.read_csv(tmp_path / "model" / HISTORY)
    assert len(history) < 12
    store = open_store(digits)
    network = rebuild("network", tmp_path / "model", store.shape, len(store.classes))
    rows = labeled(store, "val")
    logits = torch.from_numpy(predict(network, store.samples, rows))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(store.labels[rows]))
    assert float(loss) == pytest.approx(history["val_loss"].min(), rel=1e-4)
    assert history["val_loss"].idxmin() == len(history) - 3


def test_diagnostics_reach_the_evaluation(digits: Path, tmp_path: Path) -> None:
    names: set[str] = set()
    train.run(
        spec({"epochs": 1, "diagnostics": True}),
        data=digits,
        out=tmp_path / "model",
        log=lambda values, step=None: names.update(values),
    )
    table = pd.read_csv(tmp_path / "model" / DIAGNOSTICS)
    assert {"body.1", "head"} <= set(table["layer"])
    assert "diagnostics/gradient_norm/body.1" in names
    evaluation = EvaluateSpec.model_validate(
        {"network": "mlp", "tta": [], "tta_merge": "mean", "resamples": 10, "seed": 0}
    )
    evaluate.run(evaluation, data=digits, model=tmp_path / "model", out=tmp_path / "evaluation", log=silent)
    assert "layers.png" in files.read_manifest(tmp_path / "evaluation")
