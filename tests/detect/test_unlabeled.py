"""Detectors on images without labels: fitted on all of them, and ranked without numbers that need labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.detect.items import is_anomalous, normal_rows
from darkroom.log import silent


def relabeled(digits: Path, folder: Path, *, keep: int | None = None) -> Path:
    """Copy the digits without labels, but for those of one class."""
    shutil.copytree(digits, folder)
    items = pd.read_parquet(folder / "items.parquet")
    label = np.where(items["label"] == keep, 0, -1)
    items.assign(label=label).to_parquet(folder / "items.parquet", index=False)
    about = files.read_json(folder / "store.json") | {"classes": [] if keep is None else [str(keep)]}
    files.write_json(folder / "store.json", about)
    return folder


def evaluated(data: Path, folder: Path) -> Path:
    given = {"detector": "pca", "normal": ("unlabeled",), "seed": 0}
    fit.run(FitSpec.model_validate(given), data=data, out=folder / "model", log=silent)
    rules = {"false_alarms": 0.05, "threshold": "quantile", "examples": 5, "resamples": 20}
    spec = EvaluateSpec.model_validate(given | rules)
    evaluate.run(spec, data=data, model=folder / "model", out=folder / "evaluation", log=silent)
    return folder / "evaluation"


def test_without_any_label_all_images_are_normal_and_the_test_images_are_ranked(digits: Path, tmp_path: Path) -> None:
    data = relabeled(digits, tmp_path / "data")
    found = evaluated(data, tmp_path)
    metrics = files.read_json(found / "metrics.json")
    store = open_store(data)
    assert metrics["n_normal"] == len(store.rows("test"))
    assert metrics["n_anomalous"] == 0
    assert metrics["image"]["auroc"]["value"] is None
    assert metrics["image"]["false_alarm_rate"]["value"] < 0.15
    assert len(pd.read_parquet(found / "scores.parquet")) == len(store.rows("test")) + len(store.rows("val"))


def test_labeled_images_beside_unlabeled_ones_are_anomalies(digits: Path, tmp_path: Path) -> None:
    store = open_store(relabeled(digits, tmp_path / "data", keep=0))
    rows = normal_rows(store, "train", ("unlabeled",))
    assert (store.labels[rows] == -1).all()
    test = store.rows("test")
    assert (is_anomalous(store, test, ("unlabeled",)) == (store.labels[test] == 0)).all()


def test_a_set_without_unlabeled_images_says_so(digits: Path) -> None:
    with pytest.raises(ValueError, match="no image of unlabeled"):
        normal_rows(open_store(digits), "train", ("unlabeled",))
