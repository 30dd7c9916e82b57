"""New images through a trained model, by the command itself and from Python."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import darkroom
from darkroom import files
from darkroom.__main__ import main
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data import incoming
from darkroom.data.store import labeled, open_store
from darkroom.data.target import Kind
from darkroom.log import silent

LOSSES: dict[Kind, str] = {"class": "cross_entropy", "labels": "binary_cross_entropy", "numbers": "huber"}


@pytest.fixture(scope="module")
def seeds(digits: Path, targeted: Callable[[Kind], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """The folder of a seed for each kind of target, and in `test` the files of the test images, in order."""
    root, found = tmp_path_factory.mktemp("predict"), {}
    for kind, loss in LOSSES.items():
        data, seed = digits if kind == "class" else targeted(kind), root / kind / "seed-0"
        quick = {"epochs": 2, "batch_size": 32}
        training = {"network": "mlp", "loss": loss, "training": quick, "seed": 0}
        train.run(TrainSpec.model_validate(training), data=data, out=seed / "model", log=silent)
        tested = {"network": "mlp", "tta": ["shift"], "tta_merge": "learned", "resamples": 10, "seed": 0}
        spec = EvaluateSpec.model_validate(tested)
        evaluate.run(spec, data=data, model=seed / "model", out=seed / "evaluation", log=silent)
        store = open_store(data)
        (root / kind / "test").mkdir()
        for number, row in enumerate(labeled(store, "test")):
            Image.fromarray(store.samples[row, :, :, 0]).save(root / kind / "test" / f"{number:04}.png")
        found[kind] = seed
    return found


def command(seed: Path, images: Path, out: Path, *more: str) -> int:
    return main(["classify", "predict", "--model", str(seed), "--samples", str(images), "--out", str(out), *more])


def refused(capsys: pytest.CaptureFixture[str], *given: Any) -> str:
    """The one line that the command leaves when it stops."""
    assert command(*given) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("view", ["plain", "tta"])
@pytest.mark.parametrize("kind", LOSSES)
def test_the_test_images_are_predicted_as_in_the_evaluation(
    seeds: dict[Kind, Path], tmp_path: Path, kind: Kind, view: str
) -> None:
    seed = seeds[kind]
    assert command(seed, seed.parent / "test", tmp_path / "out", "--view", view, "--format", "parquet") == 0
    found, wanted = (
        pd.read_parquet(path)
        for path in (tmp_path / "out/predictions.parquet", seed / "evaluation/predictions.parquet")
    )
    assert len(found) == len(wanted)
    names = files.read_json(seed / "model/model.json").get("target", {}).get("names") or [str(k) for k in range(10)]
    metrics = files.read_json(seed / "evaluation" / "metrics.json")
    if kind == "numbers":
        for m, name in enumerate(names):
            np.testing.assert_allclose(found[f"prediction/{name}"], wanted[f"prediction_{view}_{m}"], rtol=1e-5)
            width = metrics["conformal"][view][name]["half_width"]
            np.testing.assert_allclose(found[f"high/{name}"] - found[f"low/{name}"], 2 * width, rtol=1e-6)
        return
    for k, name in enumerate(names):
        np.testing.assert_allclose(found[f"p/{name}"], wanted[f"p_{view}_{k}"], atol=1e-6)
    if kind == "labels":
        called = [[bool(wanted[f"prediction_{view}_{k}"][row]) for k in range(len(names))] for row in range(len(found))]
        assert [[name in given for name in names] for given in found["prediction"]] == called
        return
    assert found["prediction"].astype(int).tolist() == wanted[f"prediction_{view}"].tolist()
    np.testing.assert_allclose(found["confidence"], wanted[f"confidence_{view}"], atol=1e-6)
    sizes = np.bincount([len(inside) for inside in found["set"]], minlength=11)[1:]
    assert sizes.tolist() == metrics["conformal"][view]["sizes"]
    covered = [str(label) in inside for label, inside in zip(wanted["label"], found["set"], strict=True)]
    assert np.mean(covered) == pytest.approx(metrics["conformal"][view]["coverage"]["value"])
    sure = metrics["risk_coverage"][view]["thresholds"]["0.05"]
    assert found["sure"].mean() == pytest.approx(sure["coverage"]["value"])
    assert np.mean(found["prediction"][found["sure"]].astype(int) != wanted["label"][found["sure"]]) == pytest.approx(
        sure["errors"]["value"]
    )
    flagged = metrics["out_of_distribution"]["flagged"]["value"]
    assert found["out_of_distribution"].mean() == pytest.approx(flagged)
    counts = files.read_json(tmp_path / "out" / "summary.json")
    assert counts["unsure"] == (~found["sure"].astype(bool)).sum()
    assert counts["out_of_distribution"] == found["out_of_distribution"].sum()


def test_images_unlike_those_of_the_training_are_flagged_without_the_data(
    seeds: dict[Kind, Path], tmp_path: Path
) -> None:
    draws = np.random.default_rng(0)
    for kind in LOSSES:
        seed = shutil.copytree(seeds[kind], tmp_path / kind)
        noise = draws.integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
        model: Any = darkroom.load(seed)
        assert model.predict(noise)["out_of_distribution"].mean() > 0.5
        metrics = files.read_json(seed / "evaluation" / "metrics.json")["out_of_distribution"]
        assert set(metrics["limits"]) == ({"distance"} if kind == "numbers" else {"energy", "distance"})
        assert metrics["flagged"]["low"] < metrics["expected"]


def test_python_and_both_formats_say_the_same_whatever_the_workers(seeds: dict[Kind, Path], tmp_path: Path) -> None:
    seed, images = seeds["class"], seeds["class"].parent / "test"
    assert command(seed, images, tmp_path / "one", "--workers", "1") == 0
    assert command(seed, images, tmp_path / "two", "--workers", "3") == 0
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(tmp_path / "two")
    assert command(seed, images, tmp_path / "parquet", "--format", "parquet") == 0
    table = pd.read_parquet(tmp_path / "parquet" / "predictions.parquet")
    with (tmp_path / "one" / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == table["file"].tolist()
    assert [json.loads(row["set"]) for row in rows] == [list(inside) for inside in table["set"]]
    assert [float(row["energy"]) for row in rows] == table["energy"].tolist()
    assert [row["sure"] == "true" for row in rows] == table["sure"].tolist()
    model: Any = darkroom.load(seed)
    paths = sorted(images.iterdir())
    by_path = model.predict(paths)
    assert by_path["file"].tolist() == [str(path) for path in paths]
    by_array = model.predict(np.stack([np.asarray(Image.open(path))[..., None] for path in paths]))
    for column in by_array:
        assert [*map(str, by_path[column])] == [*map(str, by_array[column])]
        if column != "note":
            assert [*map(str, by_array[column])] == [
                *map(str, (list(cell) if column == "set" else cell for cell in table[column].tolist()))
            ]


def test_every_file_has_a_row_and_unreadable_ones_a_reason(
    seeds: dict[Kind, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    (images / "deeper").mkdir(parents=True)
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(images / "deeper" / "a.png")
    Image.fromarray(np.full((8, 30), 90, np.uint8)).save(images / "wide.png")
    (images / "b.txt").write_text("no image")
    (images / "cut.png").write_bytes((images / "wide.png").read_bytes()[:50])
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(images / "color.png")
    (images / "gone.png").symlink_to("nowhere.png")
    for kind in LOSSES:
        assert command(seeds[kind], images, tmp_path / kind) == incoming.NOT_ALL
        with (tmp_path / kind / "predictions.csv").open(encoding="utf-8", newline="") as stream:
            rows = {row["file"]: row for row in csv.DictReader(stream)}
        assert list(rows) == ["b.txt", "color.png", "cut.png", "deeper/a.png", "wide.png", "gone.png"]
        assert "a color image" in rows["color.png"]["note"]
        assert rows["gone.png"]["note"] == "a link to nothing"
        assert "height over width" in rows["wide.png"]["note"]
        for name, row in rows.items():
            answered = [value != "" for key, value in row.items() if key.startswith("p")]
            assert all(answered) if name in {"deeper/a.png", "wide.png"} else not any(answered)
        summary = files.read_json(tmp_path / kind / "summary.json")
        assert (summary["images"], summary["unread"]) == (6, 4)
    said = capsys.readouterr().out
    assert "4 could not be read" in said
    assert "could not be read: b.txt: not an image in a supported format\n" in said
    assert "and 1 more; the column note has the reasons" in said
    (tmp_path / "broken").mkdir()
    shutil.copy(images / "cut.png", tmp_path / "broken")
    assert command(seeds["class"], tmp_path / "broken", tmp_path / "none") == 1, "nothing was predicted"
    assert capsys.readouterr().out.startswith("1 image: ")
    model: Any = darkroom.load(seeds["class"])
    table = model.predict([images / "b.txt", images / "wide.png"])
    assert table["note"].str.contains("not an image").tolist() == [True, False]
    assert table["prediction"].isna().tolist() == [True, False]


def test_a_folder_that_cannot_predict_leaves_one_line_and_nothing_else(
    seeds: dict[Kind, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = seeds["class"].parent / "test", tmp_path / "out"
    whole = seeds["class"]
    assert "holds no trained model" in refused(capsys, tmp_path, images, out)
    assert "there is no file or folder" in refused(capsys, whole, tmp_path / "gone", out)
    seed = shutil.copytree(whole, tmp_path / "seed")
    about, metrics = (files.read_json(seed / name) for name in ("model/model.json", "evaluation/metrics.json"))
    later = about["plugin"] | {"unheard_of": 1}
    for changed, words in (
        ({"kind": "generator"}, "a generator"),
        ({"kind": "detector"}, "an anomaly"),
        ({"kind": "oracle", "darkroom": "9.1"}, "was written by Darkroom 9.1; this is "),
        ({"kind": "oracle", "darkroom": "9.1"}, "does not know this kind of model: use that version"),
        ({"plugin": None}, "(no name of a network): use that version"),
        ({"shape": "8x8"}, "does not read its model.json (ValueError: "),
        ({"target": {"kind": "class"}}, "does not read its model.json (KeyError: 'names')"),
        ({"plugin": later, "darkroom": "9.1"}, "was written by Darkroom 9.1; this is "),
        ({"plugin": later, "darkroom": "9.1"}, "(unheard_of: Extra inputs are not permitted): use that version"),
        ({"plugin": {"name": "resmet"}, "darkroom": "9.1"}, 'no network "resmet". Did you mean "resnet"?'),
    ):
        files.write_json(seed / "model/model.json", about | changed)
        assert words in refused(capsys, seed, images, out)
    files.write_json(seed / "model/model.json", {"classes": ["a"]})
    assert "was written by Darkroom 0.1; this is " in refused(capsys, seed, images, out)
    files.write_json(seed / "model/model.json", [about])
    assert "it holds no description" in refused(capsys, seed, images, out)
    other = about["plugin"] | {"hidden": [7]}
    files.write_json(seed / "model/model.json", about | {"plugin": other})
    assert "builds its network with other weights (" in refused(capsys, seed, images, out)
    files.write_json(seed / "model/model.json", about)
    assert "differs from the file" in refused(capsys, _damaged(seed), images, out)
    shutil.copyfile(whole / "model/weights.pt", seed / "model/weights.pt")
    files.write_json(seed / "evaluation/metrics.json", metrics | {"weights": "0" * 64})
    assert "is of other weights" in refused(capsys, seed, images, out)
    files.write_json(seed / "evaluation/metrics.json", {k: v for k, v in metrics.items() if k != "weights"})
    assert "by an earlier version" in refused(capsys, seed, images, out)
    files.write_json(seed / "evaluation/metrics.json", {k: v for k, v in metrics.items() if k != "temperature"})
    assert "by another version of Darkroom" in refused(capsys, seed, images, out)
    (seed / "evaluation/metrics.json").write_text("{")
    assert "is damaged" in refused(capsys, seed, images, out)
    shutil.rmtree(seed / "evaluation")
    assert "run classify evaluate" in refused(capsys, seed, images, out)
    assert [path.name for path in tmp_path.iterdir()] == ["seed"]


def _damaged(seed: Path) -> Path:
    (seed / "model/weights.pt").write_bytes((seed / "model/weights.pt").read_bytes()[:-10])
    return seed


def test_options_that_do_not_fit_are_refused(
    seeds: dict[Kind, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = seeds["class"].parent / "test", tmp_path / "out"
    assert "no --view" in refused(capsys, seeds["class"], images, out, "--view", "ttaa")
    assert "no --format" in refused(capsys, seeds["class"], images, out, "--format", "xlsx")
    assert "--risk is 0.2" in refused(capsys, seeds["class"], images, out, "--risk", "0.2")
    assert "takes 368 validation images" in refused(capsys, seeds["class"], images, out, "--risk", "0.01")
    assert "only classifiers" in refused(capsys, seeds["labels"], images, out, "--risk", "0.05")
    assert "--workers is 0" in refused(capsys, seeds["class"], images, out, "--workers", "0")
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    assert "is not a result of classify predict" in refused(capsys, seeds["class"], images, out)
    assert "overlaps with" in refused(capsys, seeds["class"], images, seeds["class"] / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "thesis.txt"]


def test_outputs_that_are_not_finite_leave_a_note_and_no_answer(seeds: dict[Kind, Path]) -> None:
    model: Any = darkroom.load(seeds["class"])
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    wanted = model.predict(images)
    model.network.head.register_forward_hook(lambda _, __, found: found.index_fill(0, torch.tensor([1]), torch.nan))
    table = model.predict(images)
    assert table["note"].tolist() == ["", "the network's outputs for it are not finite", ""]
    assert table.drop(columns="note").isna().all(axis=1).tolist() == [False, True, False]
    pd.testing.assert_frame_equal(table.iloc[[0, 2]], wanted.iloc[[0, 2]], check_dtype=False)


def test_a_model_alone_still_answers_but_says_that_it_has_no_thresholds(
    seeds: dict[Kind, Path], tmp_path: Path
) -> None:
    shutil.copytree(seeds["labels"] / "model", tmp_path / "model")
    model: Any = darkroom.load(tmp_path / "model")
    image = np.zeros((1, 8, 8, 1), np.uint8)
    assert (model(image).shape, model.thresholds.tolist()) == ((1, 3), [0.5] * 3)
    with pytest.raises(ValueError, match="is missing or did not finish"):
        model.predict(image)
