"""The ledger of looks at the test images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from darkroom import files
from darkroom.report import looks
from darkroom.report.looks import Looks

STAGE = "classify evaluate"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "prepared").mkdir()
    items = pd.DataFrame({"id": ["a", "b", "c"], "split": ["train", "test", "test"]})
    items.to_parquet(tmp_path / "prepared" / "items.parquet")
    return tmp_path / "prepared"


def look(data: Path, root: Path, lr: float, seed: int = 0, *, tta: bool = False, stage: str = STAGE) -> Path:
    """Write a model as its training would, and note a look at it."""
    place = root / "classify" / "none" / "mlp" / f"seed-{seed}"
    with files.folder(place / "model") as fresh:
        (fresh / "weights.pt").write_text(f"{lr} {seed}")
    files.write_json(place / "model" / files.RECORD, {"spec": {"lr": lr, "seed": seed}})
    spec: dict[str, Any] = {"tta": tta, "seed": seed}
    looks.note(stage, spec, data=data, model=place / "model", out=place / "evaluation")
    return root / looks.LOOKS


def test_configurations_are_counted_without_their_seeds_and_repetitions(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "results" / "x"
    assert looks.read(root, data) == Looks(0, 0)
    for lr, seed in ((0.1, 0), (0.1, 1), (0.1, 0), (0.2, 0)):
        look(data, root, lr, seed)
    assert looks.read(root, data) == Looks(2, 3)
    look(data, root, 0.2, tta=True)
    assert looks.read(root, data) == Looks(3, 4)


def test_other_test_images_start_a_new_count(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "results" / "x"
    look(data, root, 0.1)
    items = pd.read_parquet(data / "items.parquet")
    items.assign(note="corrected").to_parquet(data / "items.parquet")
    assert looks.read(root, data) == Looks(1, 1)
    items.assign(split=["test", "test", "train"]).to_parquet(data / "items.parquet")
    assert looks.read(root, data) == Looks(0, 0)
    look(data, root, 0.1)
    assert looks.read(root, data) == Looks(1, 1)


def test_the_same_looks_leave_the_same_bytes_in_any_order(data: Path, tmp_path: Path) -> None:
    for name, rates in (("one", (0.1, 0.2)), ("two", (0.2, 0.1))):
        for rate in rates:
            folder = look(data, tmp_path / name / "x", rate)
        files.write_manifest(folder)
    assert files.read_manifest(tmp_path / "one/x/looks") == files.read_manifest(tmp_path / "two/x/looks")


def test_nothing_is_noted_outside_of_results_or_without_a_record(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "results" / "x"
    assert not look(data, root, 0.1, stage="classify train").exists()
    model = root / "classify" / "none" / "mlp" / "seed-0" / "model"
    looks.note(STAGE, {}, data=data, model=model, out=tmp_path / "evaluation")
    looks.note(STAGE, {}, data=tmp_path / "gone", model=model, out=model.parent / "evaluation")
    (model / files.RECORD).unlink()
    looks.note(STAGE, {}, data=data, model=model, out=model.parent / "evaluation")
    assert not list(tmp_path.rglob(looks.LOOKS))
