"""New images from a trained generator, by the command itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import darkroom
from darkroom import files
from darkroom.__main__ import main
from darkroom.generate import train
from darkroom.generate.config import TrainSpec
from darkroom.log import silent


@pytest.fixture(scope="module")
def seed(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "seed-0"
    spec = {"generator": {"name": "vae", "width": 8}, "training": {"epochs": 1}, "snapshots": 1, "seed": 0}
    train.run(TrainSpec.model_validate(spec), data=digits, out=out / "model", log=silent)
    return out


def command(model: Path, out: Path, *more: str) -> int:
    return main(["generate", "sample", "--model", str(model), "--out", str(out), *more])


def test_files_hold_what_python_returns_and_the_table_their_classes(seed: Path, tmp_path: Path) -> None:
    assert command(seed, tmp_path / "out", "--classes", "3,7", "--n", "300", "--seed", "5") == 0
    table = pd.read_csv(tmp_path / "out" / "samples.csv", dtype=str)
    assert table["label"].tolist() == ["3", "7"] * 150
    images = np.stack([np.asarray(Image.open(tmp_path / "out" / path)) for path in table["path"]])
    model: Any = darkroom.load(seed)
    assert np.array_equal(images, model.sample(300, labels=["3", "7"] * 150, seed=5)[..., 0])
    source = darkroom.create("source", "manifest", path=str(tmp_path / "out" / "samples.csv"))
    assert source is not None
    assert command(seed, tmp_path / "again", "--classes", "3,7", "--n", "300", "--seed", "5") == 0
    assert files.read_manifest(tmp_path / "out") == files.read_manifest(tmp_path / "again")
    assert command(seed, tmp_path / "other", "--classes", "3,7", "--n", "300", "--seed", "6") == 0
    assert files.read_manifest(tmp_path / "out") != files.read_manifest(tmp_path / "other")


def test_without_a_choice_the_classes_take_turns(seed: Path, tmp_path: Path) -> None:
    assert command(seed, tmp_path / "out", "--format", "parquet") == 0
    assert pd.read_parquet(tmp_path / "out" / "samples.parquet")["label"].tolist() == [*map(str, range(10))] * 10


def test_wrong_inputs_end_in_one_line(seed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = shutil.copytree(seed, tmp_path / "copy")
    about = files.read_json(copy / "model/model.json")
    files.write_json(copy / "model/model.json", about | {"kind": "network"})
    tries = {
        "holds no trained model": (tmp_path, "--n", "1"),
        'no class "x"': (seed, "--classes", "x"),
        "expected at least 1": (seed, "--n", "0"),
        "holds a classifier": (copy, "--n", "1"),
    }
    for words, given in tries.items():
        assert command(given[0], tmp_path / "out", *given[1:]) == 1
        said = capsys.readouterr().err
        assert words in said
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
