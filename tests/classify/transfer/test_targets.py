"""Pretrained networks that predict several labels or numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.classify.transfer.conftest import thinned

from darkroom.classify import features, train
from darkroom.classify.config import FeaturesSpec, TrainSpec
from darkroom.data.store import labeled, open_store
from darkroom.data.target import Kind
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import silent

LOSSES: dict[Kind, str] = {"labels": "binary_cross_entropy", "numbers": "huber"}
HEADS: dict[Kind, str] = {"labels": "logistic", "numbers": "ridge"}


@pytest.mark.training
@pytest.mark.parametrize("kind", ["labels", pytest.param("numbers", marks=pytest.mark.thorough)])
def test_a_fitted_head_predicts_the_target_and_fine_tuning_starts_from_it(
    kind: Kind, targeted: Callable[[Kind], Path], weights: Callable[[str], Path], tmp_path: Path
) -> None:
    data = thinned(targeted(kind), tmp_path / "few")
    network = {
        "name": "pretrained",
        "backbone": "test_efficientnet",
        "weights": str(weights("test_efficientnet")),
        "size": 32,
    }
    flips: dict[str, Any] = {
        "network": network,
        "backbone": None,
        "policy": {"online": ["hflip"]},
        "views": 1,
        "seed": 0,
    }
    features.run(FeaturesSpec.model_validate(flips), data=data, out=tmp_path / "features", log=silent)
    slow = {"epochs": 1, "batch_size": 256, "precision": "fp32", "optimizer": {"name": "sgd", "lr": 1e-12}}
    probe = {"name": "probe", "head": HEADS[kind], "views": 1}
    for name, way in {"probe": probe, "fine_tune": "fine_tune"}.items():
        raw = {"network": network, "transfer": way, "loss": LOSSES[kind], "training": slow, "seed": 0}
        spec, out = TrainSpec.model_validate(raw), tmp_path / name
        train.run(spec, data=data, features=tmp_path / "features", out=out, log=silent)
        about, store = read_about(out), open_store(data)
        rebuilt = rebuild("network", out, about.shape, len(about.target.names))
        rows = labeled(store, "test")
        outputs, truth = predict(rebuilt, store.samples, rows), store.targets[rows]
        history = pd.read_csv(out / "history.csv")
        if kind == "labels":
            assert ((outputs > 0) == truth).mean() > 0.7, name  # random features
            assert history["val_f1"][0] > 0.6
        else:
            assert (((outputs - truth) ** 2).mean(0) < 0.8 * truth.var(0)).all(), name
            assert history["val_standardized_mae"][0] < 0.8
