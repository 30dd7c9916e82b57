"""Watching new images with a classifier and with detectors, by the command itself."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom import files
from darkroom.__main__ import main
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data.store import Store, open_store
from darkroom.detect import evaluate as judge
from darkroom.detect import fit
from darkroom.detect.config import EvaluateSpec as JudgeSpec
from darkroom.detect.config import FitSpec
from darkroom.log import silent
from darkroom.serve.watch import images as samples
from darkroom.serve.watch.observer import observer

RESNET = {"name": "resnet", "width": 8, "stages": 3, "blocks": 2}
DETECTORS: dict[str, Any] = {
    "pca": {"name": "pca"},
    "padim": {"name": "padim", "classifier": "own", "dimensions": 10},
}
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def root(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/digits/prepared` and the seeds of a classifier and of detectors in `results/digits`."""
    root = tmp_path_factory.mktemp("watch")
    (root / "data" / "digits").mkdir(parents=True)
    (root / "data" / "digits" / "prepared").symlink_to(digits, target_is_directory=True)
    seed = root / "results" / "digits" / "classifier" / "seed-0"
    spec = TrainSpec.model_validate({"network": RESNET, "training": {"epochs": 1, "batch_size": 32}, "seed": 0})
    train.run(spec, data=digits, out=seed / "model", log=silent)
    tested = {"network": RESNET, "tta": [], "tta_merge": "mean", "resamples": 10, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(tested), data=digits, model=seed / "model", out=seed / "evaluation", log=silent
    )
    for name, detector in DETECTORS.items():
        out = root / "results" / "digits" / name / "seed-0"
        given = {"detector": detector, "network": RESNET, "normal": ("0",), "seed": 0}
        fit.run(FitSpec.model_validate(given), data=digits, classifier=seed / "model", out=out / "model", log=silent)
        how = {"false_alarms": 0.2, "threshold": "quantile", "examples": 4, "resamples": 10}
        spec_ = JudgeSpec.model_validate(given | how)
        judge.run(spec_, data=digits, model=out / "model", out=out / "evaluation", log=silent)
    return root


@pytest.fixture
def write(digits: Path, tmp_path: Path) -> Write:
    """Write the test images of a store as files, changed by a function."""

    def make(change: Callable[[Any], Any] = lambda image: image, *, classes: str = "0123456789") -> Path:
        store, out = open_store(digits), tmp_path / "new"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for row in rows_of(store, classes):
            image = np.clip(change(store.samples[row, :, :, 0].astype(float)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(out / f"{row:04}.png")
        return out

    return make


def rows_of(store: Store, classes: str) -> list[int]:
    return [int(row) for row in store.rows("test") if store.classes[store.labels[row]] in classes]


def command(root: Path, name: str, images: Path, out: Path, *more: str) -> int:
    model = root / "results" / "digits" / name / "seed-0"
    return main(["watch", "--model", str(model), "--images", str(images), "--out", str(out), *more])


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "images.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_test_images_are_alike_and_changed_ones_are_not(
    root: Path, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert command(root, "classifier", write(), out) == 0
    found = files.read_json(out / "watch.json")
    assert found["alike"]
    assert found["images"]["new"] == found["images"]["reference"] == len(rows(out))
    assert {"features", "predictions", "flagged", "brightness", "energy", "distance"} <= found["tests"].keys()
    assert found["flagged"]["change"]["value"] == 0
    assert "No clear difference" in capsys.readouterr().out
    assert command(root, "classifier", write(lambda image: image * 1.15 + 8), out) == 1
    found = files.read_json(out / "watch.json")
    assert found["tests"]["brightness"]["clear"]
    assert found["tests"]["brightness"]["new_median"] > found["tests"]["brightness"]["reference_median"]
    said = capsys.readouterr().out
    assert "→ brightness" in said
    assert "The images differ" in said
    text = (out / "index.html").read_text(encoding="utf-8")
    assert text.count("data:image/") == 2


def test_other_classes_change_the_predictions(root: Path, write: Write, tmp_path: Path) -> None:
    assert command(root, "classifier", write(classes="0123"), tmp_path / "out") == 1
    found = files.read_json(tmp_path / "out" / "watch.json")
    assert found["tests"]["predictions"]["clear"]
    change = {name: shares["change"] for name, shares in found["predictions"].items()}
    assert change["0"]["low"] > 0
    assert sum(each["value"] for each in change.values()) == pytest.approx(0)


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_watch_by_their_normal_test_images(name: str, root: Path, write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command(root, name, write(classes="0"), out) == 0
    found = files.read_json(out / "watch.json")
    assert ("features" in found["tests"]) == (name != "pca")
    assert found["tests"].keys() >= {"anomaly score", "flagged", "brightness"}
    assert command(root, name, write(classes="78"), out) == 1
    found = files.read_json(out / "watch.json")
    assert found["tests"]["flagged"]["clear"]
    assert found["flagged_means"] == "anomalous"
    table = rows(out)
    assert [float(row["oddness"]) for row in table] == sorted((float(row["oddness"]) for row in table), reverse=True)


def test_the_reference_is_the_test_images_with_the_sizes_of_their_files(root: Path) -> None:
    store = open_store(root / "data" / "digits" / "prepared")
    witness = observer(root / "results" / "digits" / "classifier" / "seed-0")
    test = store.items["id"][store.items["split"] == "test"].astype(str)
    known = samples.reference(witness, store, None, np.random.default_rng(0))
    assert known.names == test.tolist()
    assert "width" not in known.attributes
    sizes = pd.DataFrame({"id": store.items["id"], "width": 30, "height": np.arange(len(store.items))})
    sizes = sizes.sample(frac=1, random_state=0)
    found = samples.reference(witness, store, sizes, np.random.default_rng(0)).attributes
    assert (found["width"] == 30).all()
    assert found["height"].tolist() == store.rows("test").tolist()
    partly = samples.reference(witness, store, sizes[:-1], np.random.default_rng(0)).attributes
    assert ("width" in partly) == (sizes["id"].iloc[-1] not in set(test))
    foreign = samples.reference(witness, store, sizes.assign(id="x" + sizes["id"]), np.random.default_rng(0))
    assert "width" not in foreign.attributes


def test_files_that_cannot_be_read_are_named_and_names_are_escaped(root: Path, write: Write, tmp_path: Path) -> None:
    images = write()
    (images / "notes.txt").write_text("no image")
    (images / "<b>cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert command(root, "classifier", images, tmp_path / "out") == 0
    notes = {row["file"]: row["note"] for row in rows(tmp_path / "out") if row["note"]}
    assert notes.keys() == {"notes.txt", "<b>cut.png"}
    assert files.read_json(tmp_path / "out" / "watch.json")["images"]["unread"] == 2
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;cut.png" in text
    assert "<b>cut" not in text


def test_what_cannot_be_watched_ends_in_one_line_and_writes_nothing(
    root: Path, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, few, junk, mine = write(), tmp_path / "few", tmp_path / "junk", tmp_path / "mine"
    for folder in (few, junk, mine):
        folder.mkdir()
    for path in sorted(images.iterdir())[:3]:
        shutil.copy(path, few / path.name)
    (junk / "a.png").write_text("no image")
    (mine / "thesis.txt").write_text("years of work")
    alone = tmp_path / "alone" / "seed-0"
    shutil.copytree(root / "results" / "digits" / "classifier" / "seed-0", alone)
    unfinished = tmp_path / "unfinished" / "seed-0"
    shutil.copytree(root / "results" / "digits" / "pca" / "seed-0", unfinished)
    (unfinished / "evaluation" / "threshold.json").unlink()
    good = root / "results" / "digits" / "classifier" / "seed-0"
    for words, model, given, more in (
        ("at least 5", good, few, ()),
        ("can be read: ", good, junk, ()),
        ("--images: there is no file or folder", good, tmp_path / "nowhere", ()),
        ("holds no trained model", mine, images, ()),
        ("name their folder by --data", alone, images, ()),
        ("has no threshold.json", unfinished, images, ()),
        ("is not a result of watch", good, images, ("--out", str(mine))),
        ("overlaps with", good, images, ("--out", str(images / "x"))),
        (f"--data is {mine}; expected the folder that", good, images, ("--data", str(mine))),
    ):
        where = more if "--out" in more else ("--out", str(tmp_path / "out"), *more)
        assert main(["watch", "--model", str(model), "--images", str(given), *where]) == 1, words
        said = capsys.readouterr().err
        assert re.search(re.escape(words), said), said
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
