"""New images through a fitted detector, by the command itself."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom import files
from darkroom.__main__ import main
from darkroom.data import incoming
from darkroom.detect import score
from darkroom.fit.model import intact_weights
from darkroom.overlay import Scale

Write = Callable[..., Path]


def scored(model: Path, images: Path, out: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the rows by file."""
    code = main(["detect", "score", "--model", str(model), "--images", str(images), "--out", str(out)])
    with (out / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["file"] for row in rows}) == len(rows)
    return code, {row["file"]: row for row in rows}


def refused(capsys: pytest.CaptureFixture[str], model: Path, images: Path, out: Path) -> str:
    """The one line that the command leaves when it stops."""
    assert main(["detect", "score", "--model", str(model), "--images", str(images), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_the_test_images_are_judged_as_by_the_evaluation(fitted: Path, tmp_path: Path) -> None:
    code, rows = scored(fitted / "seed-0", fitted / "set" / "test", tmp_path / "out")
    assert code == 0
    table = pd.read_parquet(fitted / "seed-0" / "evaluation" / "scores.parquet")
    table = table[table["split"] == "test"]
    assert set(rows) == {name.removeprefix("test/") for name in table["id"]}
    for _, wanted in table.iterrows():
        row = rows[wanted["id"].removeprefix("test/")]
        assert float(row["score"]) == pytest.approx(wanted["score"], rel=1e-5)
        assert row["flagged"] == str(wanted["flagged"]).lower()
        assert row["note"] == ""
    metrics = files.read_json(fitted / "seed-0" / "evaluation" / "metrics.json")
    assert {float(row["threshold"]) for row in rows.values()} == {metrics["threshold"]}
    summary = files.read_json(tmp_path / "out" / "summary.json")
    assert (summary["images"], summary["unread"]) == (16, 0)
    assert summary["flagged"] == sum(row["flagged"] == "true" for row in rows.values())
    assert summary["threshold_rule"] == metrics["threshold_rule"]
    assert set(files.read_manifest(tmp_path / "out")) == {
        "scores.csv",
        "summary.json",
        *(r["map"] for r in rows.values()),
    }


def test_maps_are_at_the_size_of_the_images_and_hot_at_the_dent(fitted: Path, tmp_path: Path) -> None:
    _, rows = scored(fitted / "seed-0", fitted / "set" / "test", tmp_path / "out")
    for name in ("dent/00.png", "dent/03.png"):
        with Image.open(tmp_path / "out" / rows[name]["map"]) as opened:
            drawn = np.asarray(opened).astype(int)
        with Image.open(fitted / "set" / "ground_truth" / name.replace(".png", "_mask.png")) as opened:
            mask = np.asarray(opened) > 0
        assert drawn.shape == (24, 32, 3)
        colored = np.ptp(drawn, axis=2)
        assert colored[mask].mean() > 5 * colored[~mask].mean()


def test_what_cannot_be_read_is_listed_and_told_by_the_exit_code(fitted: Path, surface: Write, tmp_path: Path) -> None:
    images = tmp_path / "images"
    surface(images / "b.png", 0)
    surface(images / "deeper" / "still" / "a.png", 1)
    surface(images / "tall.png", 2, size=(64, 32))
    surface(images / ".hidden.png", 3)
    (images / "a.txt").write_text("no image")
    (images / "cut.png").write_bytes((images / "b.png").read_bytes()[:90])
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(images / "color.png")
    (images / "gone.png").symlink_to("nowhere.png")
    code, rows = scored(fitted / "seed-0", images, tmp_path / "out")
    assert code == incoming.NOT_ALL
    assert list(rows) == ["a.txt", "b.png", "color.png", "cut.png", "deeper/still/a.png", "tall.png", "gone.png"]
    notes = {name: row["note"] for name, row in rows.items()}
    assert notes["a.txt"] == "not an image in a supported format"
    assert "a color image" in notes["color.png"]
    assert "broken image" in notes["cut.png"]
    assert notes["gone.png"] == "a link to nothing"
    assert (
        notes["tall.png"]
        == "height over width is 2, but 0.75 in the data set: unlike those images, this one has borders"
    )
    for name, row in rows.items():
        read = name in {"b.png", "deeper/still/a.png", "tall.png"}
        assert (row["score"] != "", row["flagged"] != "", row["map"] != "") == (read, read, read)
        assert not read or (tmp_path / "out" / row["map"]).is_file()


def test_nothing_that_can_be_read_is_an_error_with_the_reason(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("no image")
    code, rows = scored(fitted / "seed-0", tmp_path / "a.txt", tmp_path / "out")
    assert (code, list(rows)) == (1, ["a.txt"])
    said = capsys.readouterr().out
    assert said.startswith("1 image: 0 flagged, 1 could not be read; ")
    assert said.endswith("\ncould not be read: a.txt: not an image in a supported format\n")


def test_no_name_leads_out_of_the_results(fitted: Path, surface: Write, tmp_path: Path) -> None:
    """Links, odd names and names that get in each other's way."""
    images, outside = tmp_path / "images", tmp_path / "outside"
    surface(outside / "kept.png", 0)
    surface(images / "x" / "real.png", 1)
    (images / "linked").symlink_to(outside, target_is_directory=True)
    (images / "link.png").symlink_to(outside / "kept.png")
    (images / "loop").symlink_to(images, target_is_directory=True)
    for name in ("...png", "..\\up.png", "new\nline.png", "=1+1.png", f"{'l' * 251}.png", "a.png", "a.jpg"):
        shutil.copyfile(images / "x" / "real.png", images / name)
    shutil.copyfile(images / "x" / "real.png", os.fsencode(images) + b"/\xff.png")
    (images / "n.png").mkdir()
    shutil.copyfile(images / "x" / "real.png", images / "n.png" / "inside.png")
    shutil.copyfile(images / "x" / "real.png", images / "n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if not path.is_symlink()}
    out = tmp_path / "results" / "out"
    code, rows = scored(fitted / "seed-0", images, out)
    assert code == incoming.NOT_ALL
    assert rows["loop"]["note"] == "a link to a folder that is read already"
    maps = [row["map"] for row in rows.values() if row["map"]]
    assert len(maps) == len(set(maps)) == len(rows) - 1  # `loop`; hidden names are passed over
    drawn = {path.resolve() for path in out.rglob("*.png") if path.is_file()}
    assert drawn == {(out / name).resolve() for name in maps}
    assert all(path.is_relative_to(out.resolve() / "maps") for path in drawn)
    assert all(not path.is_symlink() for path in out.rglob("*"))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_results_replace_results_and_nothing_else(
    fitted: Path, surface: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, seed = tmp_path / "images", shutil.copytree(fitted / "seed-0", tmp_path / "seed")
    surface(images / "a.png", 0)
    out = tmp_path / "out"
    out.mkdir()
    assert list(scored(seed, images, out)[1]) == ["a.png"]
    surface(images / "b.png", 1)
    assert list(scored(seed, images, out)[1]) == ["a.png", "b.png"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "is not a result of detect score" in refused(capsys, seed, images, tmp_path / "mine")
    assert "is not a result of detect score" in refused(capsys, seed, images, tmp_path / "mine" / "thesis.txt")
    for other in (images, images / "out", tmp_path, seed / "model", seed):
        assert "overlaps with" in refused(capsys, seed, images, other)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert (seed / "model" / "weights.pt").exists()


def test_a_failure_leaves_the_earlier_results(
    fitted: Path, surface: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    surface(tmp_path / "images" / "a.png", 0)
    scored(fitted / "seed-0", tmp_path / "images", tmp_path / "out")
    before = files.read_manifest(tmp_path / "out")

    def full(*given: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(score, "_draw", full)
    assert "No space left" in refused(capsys, fitted / "seed-0", tmp_path / "images", tmp_path / "out")
    assert files.read_manifest(tmp_path / "out") == before
    assert {path.name for path in tmp_path.iterdir()} == {"images", "out"}


def test_a_folder_that_is_no_seeds_is_refused(
    fitted: Path, surface: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    assert "contains no files" in refused(capsys, fitted / "seed-0", images, out)
    surface(images / "a.png", 0)
    assert "has no model/ and evaluation/" in refused(capsys, fitted / "seed-0" / "model", images, out)
    assert "there is no file or folder" in refused(capsys, fitted / "seed-0", tmp_path / "gone", out)
    seed = shutil.copytree(fitted / "seed-0", tmp_path / "seed")
    whole = (seed / "model" / "weights.pt").read_bytes()
    (seed / "model" / "weights.pt").write_bytes(whole[:-10])
    assert "differs from the file that its manifest lists" in refused(capsys, seed, images, out)
    (seed / "model" / "weights.pt").write_bytes(whole)
    judge = files.read_json(seed / "evaluation" / "threshold.json")
    files.write_json(seed / "evaluation" / "threshold.json", judge | {"weights": "0" * 64})
    assert "run detect evaluate again" in refused(capsys, seed, images, out)
    assert not out.exists()


def test_the_last_good_detector_scores_while_its_successor_is_not_there(
    fitted: Path, surface: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = shutil.copytree(fitted / "seed-0", tmp_path / "seed")
    _, before = scored(seed, fitted / "set" / "test", tmp_path / "before")
    assert "last good model" not in capsys.readouterr().err
    (seed / "model" / files.MANIFEST).unlink()  # as Snakemake does before it fits anew
    code, after = scored(seed, fitted / "set" / "test", tmp_path / "after")
    assert (code, after) == (0, before)
    assert f"{seed / 'model'} is the last good model" in capsys.readouterr().err
    (seed / "evaluation" / files.MANIFEST).unlink()
    assert scored(seed, fitted / "set" / "test", tmp_path / "again") == (0, before)
    capsys.readouterr()
    (seed / "model" / "model.json").unlink()
    assert "did not finish" in refused(capsys, seed, fitted / "set" / "test", tmp_path / "out")


def test_batches_of_any_size_give_the_same_table(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = scored(fitted / "seed-0", fitted / "set" / "test", tmp_path / "whole")
    monkeypatch.setattr(incoming, "HELD", 2000)
    _, parts = scored(fitted / "seed-0", fitted / "set" / "test", tmp_path / "parts")
    assert list(parts) == list(whole)
    for name, row in whole.items():
        assert float(parts[name].pop("score")) == pytest.approx(float(row.pop("score")), rel=1e-5)
        assert parts[name] == row


def test_the_same_images_give_the_same_bytes(fitted: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        scored(fitted / "seed-0", fitted / "set" / "test", tmp_path / name)
    assert files.read_manifest(tmp_path / "first") == files.read_manifest(tmp_path / "second")


def test_without_a_place_results_are_named_after_the_folder(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["detect", "score", "--model", str(fitted / "seed-0"), "--images", str(fitted / "set" / "test")]) == 0
    assert (tmp_path / "scores" / "test" / "scores.csv").exists()
    assert capsys.readouterr().out.endswith("0 could not be read; scores/test/scores.csv\n")


def test_a_single_image_may_be_named(fitted: Path, tmp_path: Path) -> None:
    _, rows = scored(fitted / "seed-0", fitted / "set" / "test" / "dent" / "00.png", tmp_path / "out")
    assert list(rows) == ["00.png"]
    assert rows["00.png"]["flagged"] == "true"


def test_the_colors_of_maps_travel(fitted: Path) -> None:
    seed = fitted / "seed-0"
    point = score.read_operating_point(seed / "evaluation", intact_weights(seed / "model"))
    assert isinstance(point.colors, Scale)
    assert point.colors.low < point.colors.high


def test_a_model_that_is_no_detector_says_what_it_is(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = shutil.copytree(fitted / "seed-0", tmp_path / "seed")
    about = files.read_json(seed / "model" / "model.json")
    for kind, name, words in (("network", "resnet", "a classifier"), ("generator", "vae", "a generator")):
        files.write_json(seed / "model" / "model.json", about | {"kind": kind, "plugin": {"name": name}})
        (seed / "evaluation" / "threshold.json").unlink(missing_ok=True)
        said = refused(capsys, seed, fitted / "set" / "test", tmp_path / "out")
        assert f"holds {words} ({name}), which has no anomaly scores" in said


def test_results_are_not_committed() -> None:
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/scores/" in ignored


def test_a_gray_image_in_a_lossy_color_format_is_no_color_image(fitted: Path, surface: Write, tmp_path: Path) -> None:
    with Image.open(surface(tmp_path / "gray.png", 0)) as opened:
        pixels = np.asarray(opened.convert("RGB")).copy()
    pixels[::2, :, 0] = np.minimum(pixels[::2, :, 0].astype(int) + 1, 255)  # as a decoder rounds
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png")
    code, rows = scored(fitted / "seed-0", tmp_path / "images", tmp_path / "out")
    assert (code, rows["a.png"]["note"]) == (0, "")
