"""Generators of rows in cross-validation: each fold has its own, which sees nothing of the rows held out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import files
from darkroom.classify import fold as classify
from darkroom.classify.tuning.config import FoldSpec as ClassifierSpec
from darkroom.classify.tuning.folds import divided, watched
from darkroom.data.store import open_store
from darkroom.generate import fold
from darkroom.generate.config import FoldSpec
from darkroom.log import silent

JUDGE: dict[str, Any] = {"network": "logistic_regression", "online": []}


def spec(generator: str, number: int = 0) -> FoldSpec:
    training = {"epochs": 3, "batch_size": 16}
    return FoldSpec.model_validate(
        {
            "folds": 3,
            "fold": number,
            "seed": 0,
            "judge": JUDGE,
            "train": {"generator": generator, "training": training, "snapshots": None, "seed": 1},
            "synthesize": {
                "drawn": "table",
                "generator": generator,
                "judge": JUDGE["network"],
                "synthetic": {"model": "g", "seed": 1, "confidence": 0.0, "distance": 1e9},
            },
        }
    )


@pytest.mark.training
@pytest.mark.parametrize("generator", ["gaussian_copula", "tvae"])
def test_no_synthetic_row_has_anything_of_a_held_out_row(generator: str, prepared: Path, tmp_path: Path) -> None:
    store = open_store(prepared)
    trained, held_out = divided(store, count=3, fold=0, seed=0)
    used, seen = watched(store, trained, seed=0)
    assert not set(used) & {*seen, *held_out}
    spoiled = tmp_path / "spoiled"
    shutil.copytree(prepared, spoiled)
    samples = np.array(store.samples)
    samples[np.setdiff1d(np.arange(len(samples)), trained), :2] = 1e6
    np.save(spoiled / "samples.npy", samples)
    files.write_manifest(spoiled)
    made = {}
    for name, data in (("plain", prepared), ("spoiled", spoiled)):
        fold.run(spec(generator), data=data, out=tmp_path / name / "made", log=silent)
        made[name] = open_store(tmp_path / name / "made")
    assert np.array_equal(made["plain"].samples, made["spoiled"].samples, equal_nan=True)
    assert np.nanmax(np.abs(np.asarray(made["plain"].samples))) < 1e5
    assert set(made["plain"].items["parent"]) <= set(store.items["id"].to_numpy()[used])
    counts = np.bincount(store.labels[used])
    assert len(made["plain"].items) == counts.max() - counts.min()
    assert not (tmp_path / "plain" / "made" / "preparation.json").exists()


def test_a_fold_is_trained_on_its_own_copies(prepared: Path, tmp_path: Path) -> None:
    raw = {"network": "logistic_regression", "folds": 3, "fold": 0, "seed": 0}
    fold.run(spec("gaussian_copula"), data=prepared, out=tmp_path / "made", log=silent)
    for name, copies in (("with", tmp_path / "made"), ("without", None)):
        classify.run(ClassifierSpec.model_validate(raw), data=prepared, copies=copies, out=tmp_path / name, log=silent)
    about = [files.read_json(tmp_path / name / "fold.json") for name in ("with", "without")]
    assert about[0]["trained"] == about[1]["trained"]
    assert about[0]["scores"]["nll"] != about[1]["scores"]["nll"]


def test_a_fold_in_which_no_class_lacks_rows_has_no_copies(prepared: Path, tmp_path: Path) -> None:
    asked = spec("gaussian_copula")
    few = asked.synthesize.synthetic.model_copy(update={"images": 1})
    asked = asked.model_copy(update={"synthesize": asked.synthesize.model_copy(update={"synthetic": few})})
    fold.run(asked, data=prepared, out=tmp_path / "made", log=silent)
    assert not len(open_store(tmp_path / "made").items)
    raw = {"network": "logistic_regression", "folds": 3, "fold": 0, "seed": 0}
    for name, copies in (("with", tmp_path / "made"), ("without", None)):
        classify.run(ClassifierSpec.model_validate(raw), data=prepared, copies=copies, out=tmp_path / name, log=silent)
    about = [files.read_json(tmp_path / name / "fold.json") for name in ("with", "without")]
    assert about[0] == about[1]
