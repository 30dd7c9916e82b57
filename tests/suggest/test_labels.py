"""The command `suggest labels`: what it ranks, what it writes, and what it refuses."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tests.pretrain.small import written

from darkroom import registry
from darkroom.__main__ import main
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.data import corrections
from darkroom.data.config import LabelBudget
from darkroom.data.hide import hide
from darkroom.data.store import Store, copy_preparation, open_store
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import silent
from darkroom.suggest import labels
from darkroom.suggest.network import Images, NetworkPool


@pytest.fixture(scope="module")
def few(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A prepared set with five labels per class, and a classifier trained on them."""
    root, store = tmp_path_factory.mktemp("few"), open_store(digits)
    items, _ = hide(LabelBudget(per_class=5), store.classes, store.items)
    data = written(store, root / "data", store.samples, items)
    copy_preparation(digits, data)
    spec = TrainSpec.model_validate(
        {"network": {"name": "mlp", "hidden": [32]}, "training": {"epochs": 30, "batch_size": 32}, "seed": 0}
    )
    train.run(spec, data=data, out=root / "seed-0" / "model", log=silent)
    return data, root / "seed-0"


def suggest(few: tuple[Path, Path], out: Path, **options: Any) -> pd.DataFrame:
    assert labels.run(**{"model": few[1], "data": few[0], "n": 30, "out": out, **options}) == 0
    return pd.read_csv(out / labels.SUGGESTIONS, dtype={"predicted": str}, keep_default_na=False)


@pytest.mark.parametrize("by", registry.entries("acquisition"))
def test_unlabeled_training_images_are_ranked_with_prediction_and_sheet(
    by: str, few: tuple[Path, Path], tmp_path: Path
) -> None:
    store = open_store(few[0])
    found = suggest(few, tmp_path / "out", by=by)
    assert tuple(found.columns) == labels.COLUMNS
    assert found["rank"].tolist() == list(range(1, 31))
    unlabeled = store.items["id"][(store.items["split"] == "train") & (store.labels < 0)]
    assert found["id"].is_unique
    assert set(found["id"]) <= set(unlabeled)
    assert set(found["predicted"]) <= set(store.classes)
    assert found["probability"].between(0.1, 1).all()
    assert (found["label"] == "").all()
    assert (tmp_path / "out" / labels.SHEET).is_file()
    again = suggest(few, tmp_path / "again", by=by)
    pd.testing.assert_frame_equal(found, again)


def test_the_completed_table_is_one_of_corrections(few: tuple[Path, Path], tmp_path: Path) -> None:
    found = suggest(few, tmp_path / "out")
    found.assign(label="3").to_csv(tmp_path / "corrections.csv", index=False)
    assert corrections.read(tmp_path / "corrections.csv") == dict.fromkeys(found["id"], "3")


def pictures(store: Store, folder: Path, rows: list[int]) -> list[str]:
    folder.mkdir()
    for row in rows:
        Image.fromarray(np.asarray(store.samples[row])[:, :, 0]).save(folder / f"{row:04}.png")
    return [f"{row:04}.png" for row in rows]


def test_a_folder_of_images_is_ranked_like_the_same_rows_and_unreadable_files_are_named(
    few: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(few[0])
    rows = np.setdiff1d(store.rows("train"), np.flatnonzero(store.labels >= 0))
    names = pictures(store, tmp_path / "pool", rows.tolist()[:60])
    ids = dict(zip(names, store.items["id"].iloc[rows[:60]], strict=True))
    whole = suggest(few, tmp_path / "whole", n=len(rows), by="entropy")
    expected = [id_ for id_ in whole["id"] if id_ in set(ids.values())]
    (tmp_path / "pool" / "broken.png").write_bytes(b"no image")
    options = {"model": few[1], "images": tmp_path / "pool", "by": "entropy", "n": 60}
    assert labels.run(**options, out=tmp_path / "out") == 3
    assert "could not be read: broken.png: " in capsys.readouterr().out
    with (tmp_path / "out" / labels.SUGGESTIONS).open(encoding="utf-8") as stream:
        assert [ids[row["id"]] for row in csv.DictReader(stream)] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "margins"}, 'no rule --by "margins". Did you mean "margin"?'),
        ({"n": 5000}, "--n is 5000; there are"),
        ({"n": 0}, "--n is 0; there are"),
        ({"data": None}, "give --data, a prepared set with unlabeled images, or --images"),
    ],
)
def test_what_cannot_be_suggested_is_refused_in_a_line(
    options: dict[str, Any], said: str, few: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"--") as error:
        labels.run(**{"model": few[1], "data": few[0], "out": tmp_path / "out", **options})
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_by_default_a_small_pool_is_ranked_whole(few: tuple[Path, Path], tmp_path: Path) -> None:
    names = pictures(open_store(few[0]), tmp_path / "pool", [0, 1, 2])
    found = suggest(few, tmp_path / "out", data=None, images=tmp_path / "pool", n=None)
    assert sorted(found["id"]) == names


def test_a_set_of_other_classes_is_refused(few: tuple[Path, Path], tmp_path: Path) -> None:
    store = open_store(few[0])
    other = written(replace(store, classes=("x", *store.classes[1:])), tmp_path / "other", store.samples, store.items)
    with pytest.raises(ValueError, match=r'has the classes "x".* but the model "0"'):
        suggest(few, tmp_path / "out", data=other)


def test_a_damaged_model_is_named(few: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(few[1], tmp_path / "seed-0")
    (tmp_path / "seed-0" / "model" / "model.json").write_text('{"a":')
    with pytest.raises(ValueError, match=r"model\.json is damaged .*; delete it and run again"):
        suggest((few[0], tmp_path / "seed-0"), tmp_path / "out")


def test_an_empty_pool_and_a_folder_without_a_classifier_end_in_a_line(
    few: tuple[Path, Path], digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["suggest", "labels", "--n", "3", "--out", str(tmp_path / "out")]
    assert main([*words, "--model", str(few[1]), "--data", str(digits)]) == 1
    assert "has no unlabeled training images" in capsys.readouterr().err
    assert main([*words, "--model", str(few[0]), "--data", str(few[0])]) == 1
    error = capsys.readouterr().err
    assert "holds no trained model" in error
    assert error.count("\n") == 1
    assert main([*words, "--model", str(few[1]), "--data", str(few[0])]) == 0


def test_probabilities_are_those_after_calibration(few: tuple[Path, Path]) -> None:
    store, model = open_store(few[0]), few[1] / "model"
    about = read_about(model)
    network = rebuild("network", model, about.shape, len(about.classes))
    images = Images(store.samples, store.rows("test"))
    logits = predict(network, store.samples, images.rows) / 2
    powers = np.exp(logits - logits.max(1, keepdims=True))
    found = NetworkPool(network, images, images, 0, temperature=2.0).probabilities()
    np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), rtol=1e-5)


def test_draws_of_dropout_differ_repeat_and_leave_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    network = registry.build(registry.options("network", "mlp")(dropout=0.5), (1, 8, 8), 3).eval()
    images = Images(np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8), np.arange(5))
    pool = NetworkPool(network, images, images, 7)
    before, draws = pool.probabilities(), pool.draws(4)
    assert np.ptp(draws, axis=0).max() > 0.01
    np.testing.assert_array_equal(draws, pool.draws(4))
    np.testing.assert_array_equal(before, pool.probabilities())
