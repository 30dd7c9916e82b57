"""What people hand in by mistake, through the stages from the files to the report's numbers."""

from __future__ import annotations

import csv
import json
import math
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
from darkroom.log import silent
from darkroom.report import build
from darkroom.report.config import BuildSpec

Write = Callable[..., Path]
Stages = Callable[..., dict[str, Any]]


def excluded(root: Path) -> dict[str, str]:
    with (root / "prepared" / "excluded.csv").open(encoding="utf-8", newline="") as stream:
        return {row["origin"]: row["reason"] for row in csv.DictReader(stream)}


def seed_folder(root: Path) -> Path:
    return root / "results" / "detect" / "normal-good" / "pca" / "seed-0"


def numbers(value: Any) -> list[float]:
    """Every number anywhere in a value."""
    if isinstance(value, dict | list):
        return [n for part in (value.values() if isinstance(value, dict) else value) for n in numbers(part)]
    return [value] if isinstance(value, int | float) else []


def assert_whole(root: Path) -> str:
    """No NaN and no infinity in what the evaluation and the report wrote; gives the report's page."""
    seed = seed_folder(root)
    for path in seed.rglob("*.json"):
        assert all(map(math.isfinite, numbers(json.loads(path.read_text("utf-8"))))), path
    assert np.isfinite(pd.read_parquet(seed / "evaluation" / "scores.parquet")["score"]).all()
    folder = "detect/normal-good/pca/seed-0"
    entry = {"task": "normal-good", "normal": ["good"], "detector": "pca", "seed": 0}
    entry |= {"model_folder": f"{folder}/model", "evaluation_folder": f"{folder}/evaluation"}
    others: dict[str, Any] = {"policies": [], "classifiers": [], "generators": []}
    seed = "detect/normal-good/pca/seed-0"
    entry |= {"model_folder": f"{seed}/model", "evaluation_folder": f"{seed}/evaluation"}
    spec = BuildSpec.model_validate({"name": "surfaces", "detectors": [entry], **others})
    build.run(spec, data=root / "prepared", results=root / "results", out=root / "report", log=silent)
    page = (root / "report" / "index.html").read_text("utf-8")
    assert not re.search(r">\s*[-+±]?(nan|inf|None)\b", page, re.IGNORECASE)
    return page


def test_no_normal_images(surfaces: Write, stages: Stages, tmp_path: Path) -> None:
    root = surfaces(tmp_path / "set")
    (root / "train" / "good").rename(root / "train" / "fine")
    with pytest.raises(
        ValueError, match=r"detect\.normal: the train split of \S+ has no image of good; its classes are: fine"
    ):
        stages(root, tmp_path)
    shutil.rmtree(root / "train" / "fine")
    shutil.rmtree(root / "test" / "good")
    (root / "train" / "good").mkdir()
    with pytest.raises(ValueError, match=r'detect\.normal: surfaces has no class "good"\. There are: dent'):
        stages(root, tmp_path)


def test_a_mask_of_another_size_than_its_image(surfaces: Write, stages: Stages, tmp_path: Path) -> None:
    """Of the same shape it is scaled; of another it cannot be laid over the image and is listed, the image stays."""
    root = surfaces(tmp_path / "set")
    whole = stages(root, tmp_path / "whole", size=24)
    masks = root / "ground_truth" / "dent"
    for number in range(6):
        path = masks / f"{number:02}_mask.png"
        with Image.open(path) as opened:
            opened.resize((96, 72), Image.Resampling.NEAREST).save(path)
    Image.new("L", (50, 20), 255).save(masks / "06_mask.png")
    found = stages(root, tmp_path / "changed", size=24)
    assert excluded(tmp_path / "changed") == {
        "ground_truth/dent/06_mask.png": "mask of 20×50 pixels for an image of 24×32: the shapes differ"
    }
    assert (found["n_anomalous"], found["pixel_left_out"]) == (8, 1)
    assert found["pixel"]["auroc"]["value"] == pytest.approx(whole["pixel"]["auroc"]["value"], abs=0.02)
    assert_whole(tmp_path / "changed")


@pytest.mark.training
def test_masks_without_anomalies(surfaces: Write, stages: Stages, tmp_path: Path) -> None:
    root = surfaces(tmp_path / "set")
    for path in (root / "ground_truth" / "dent").iterdir():
        Image.new("L", (32, 24)).save(path)
    found = stages(root, tmp_path, size=24)
    assert found["pixel"] == {"value": None, "reason": "no test image has a mask with anomalous pixels"}
    assert found["pixel_left_out"] == 8
    assert found["image"]["auroc"]["value"] > 0.9
    assert "no test image has a mask with anomalous pixels" in assert_whole(tmp_path)


@pytest.mark.training
@pytest.mark.parametrize("kept", ["good", "dent"])
def test_a_test_set_of_one_kind(kept: str, surfaces: Write, stages: Stages, tmp_path: Path) -> None:
    other = {"good": "dent", "dent": "good"}[kept]
    root = surfaces(tmp_path / "set")
    shutil.rmtree(root / "test" / other)
    found = stages(root, tmp_path, size=24)
    missing = {"good": "anomalous", "dent": "normal"}[kept]
    assert found["image"]["auroc"] == {"value": None, "reason": f"the test split has no {missing} image"}
    there, absent = ("false_alarm_rate", "detection_rate") if kept == "good" else ("detection_rate", "false_alarm_rate")
    assert found["image"][there]["value"] is not None
    assert found["image"][absent]["value"] is None
    assert found["image"][absent]["reason"]
    if kept == "dent":
        assert found["pixel"]["auroc"]["value"] > 0.8
    else:
        assert found["pixel"]["value"] is None
    assert f"the test split has no {missing} image" in assert_whole(tmp_path)


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
def test_images_of_sizes_not_seen_in_training(
    resize: str, surfaces: Write, surface: Write, stages: Stages, tmp_path: Path
) -> None:
    root = surfaces(tmp_path / "set")
    surface(root / "test" / "good" / "large.png", 300, size=(96, 128))
    surface(root / "test" / "dent" / "small.png", 301, size=(12, 16), dent=True)
    found = stages(root, tmp_path, size=24, resize=resize)
    assert (found["n_normal"], found["n_anomalous"]) == (9, 9)
    assert np.load(tmp_path / "prepared" / "samples.npy", mmap_mode="r").shape[1:] == (24, 24, 1)
    assert_whole(tmp_path)


def test_a_color_image_for_a_gray_model(surfaces: Write, stages: Stages, tmp_path: Path) -> None:
    """In preparing, one color image makes all RGB unless the config says gray; then it is made gray."""
    root = surfaces(tmp_path / "set")
    with Image.open(root / "test" / "dent" / "00.png") as opened:
        gray = np.asarray(opened)
    Image.fromarray(np.stack([gray, gray // 2, gray], axis=2)).save(root / "test" / "dent" / "00.png")
    for color, channels in (("auto", 3), ("gray", 1)):
        found = stages(root, tmp_path / color, size=24, color=color)
        assert np.load(tmp_path / color / "prepared" / "samples.npy", mmap_mode="r").shape[3] == channels
        assert files.read_json(seed_folder(tmp_path / color) / "model" / "model.json")["shape"] == [channels, 24, 24]
        assert found["n_anomalous"] == 8
