"""What a change makes stale: exactly what depends on it. Each case asks Snakemake for its plan and reads the jobs."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

BASE: dict[str, Any] = {
    "name": "stale",
    "data": {"source": {"name": "folder", "path": "pictures"}, "split": {"val": 0.2, "test": 0.2}},
    "augment": {"standard": {"copies": 1}},
    "classify": {
        "training": {"epochs": 1, "batch_size": 32},
        "models": {
            "mlp": {"training": {"optimizer": {"lr": 0.001, "weight_decay": 0.002}}},
            "resnet": {"network": {"width": 8, "stages": 1}},
        },
        "resamples": 10,
    },
    "generate": {"training": {"epochs": 1}, "judge": {"training": {"epochs": 1}}, "samples": 4},
    "detect": {"normal": "1", "detectors": {"pca": {"detector": {"components": 4}}}, "examples": 4, "resamples": 10},
}
REPORT = "write results/stale/report/index.html"
ALL = {
    *(
        f"{do} classifier: {m} on {p}, seed 0"
        for do in ("train", "evaluate")
        for m in ("mlp", "resnet")
        for p in ("none", "standard")
    ),
    "train judge of generators",
    *(f"{do} generator: vae, seed 0" for do in ("train", "evaluate")),
    *(f"{do} detector: pca on normal-1, seed 0" for do in ("fit", "evaluate")),
    "fetch stale",
    "prepare stale",
    "augment: standard",
    "gallery of stale",
    REPORT,
}


def jobs(*patterns: str) -> set[str]:
    """The jobs of the base plan that match any of these, and the report, which shows them all."""
    return {job for job in ALL if any(re.search(pattern, job) for pattern in patterns)} | {REPORT}


@pytest.fixture(scope="module")
def stale(project):
    """The project after a whole run on a folder of 120 pictures."""
    data = load_digits()
    for index in np.flatnonzero(data.target < 3)[:120]:
        folder = project.root / "pictures" / str(data.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[index] * 15).astype(np.uint8)).save(folder / f"{index}.png")
    project.config("stale", BASE)
    project.call("--configfile", "config/stale.yaml")
    return project


def planned(stale, **changes: Any) -> set[str]:
    """The plan for the base config with some values replaced, keys given as `classify__seeds=2`."""
    config = copy.deepcopy(BASE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = config
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    stale.config("changed", config)
    found: set[str] = stale.planned("--configfile", "config/changed.yaml")
    return found


@contextlib.contextmanager
def edited(path: Path, before: str, after: str) -> Iterator[None]:
    """A file with some text replaced, put back afterwards."""
    original = path.read_text(encoding="utf-8")
    assert before in original, f"{path} has no {before!r}"
    path.write_text(original.replace(before, after), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def test_no_change(stale) -> None:
    assert planned(stale) == set()


def test_forcing_plans_every_job(stale) -> None:
    assert stale.planned("--configfile", "config/stale.yaml", "--forceall") == ALL


def test_the_learning_rate_of_one_classifier(stale) -> None:
    changed = planned(stale, classify__models__mlp__training__optimizer__lr=0.01)
    assert changed == jobs("classifier: mlp")


def test_two_values_swapped(stale) -> None:
    swapped = {"lr": 0.002, "weight_decay": 0.001}
    assert planned(stale, classify__models__mlp__training__optimizer=swapped) == jobs("classifier: mlp")


def test_keys_in_another_order_and_a_default_written_out(stale) -> None:
    optimizer = {"weight_decay": 0.002, "lr": 0.001, "beta1": 0.9, "name": "adamw"}
    assert planned(stale, classify__models__mlp__training__optimizer=optimizer, classify__seeds=1) == set()


def test_a_classifier_a_policy_and_a_seed_added(stale) -> None:
    added = planned(stale, classify__models__wide={"network": {"name": "mlp", "hidden": [8]}})
    names = {f"{do} classifier: wide on {p}, seed 0" for do in ("train", "evaluate") for p in ("none", "standard")}
    assert added == {*names, REPORT}
    added = planned(stale, augment__strong={"copies": 2})
    names = {f"{do} classifier: {m} on strong, seed 0" for do in ("train", "evaluate") for m in ("mlp", "resnet")}
    assert added == {*names, "augment: strong", REPORT}
    added = planned(stale, classify__seeds=2)
    assert added == {job.replace("seed 0", "seed 1") for job in jobs("classifier")}


def test_a_class_of_pictures_added(stale) -> None:
    extra = stale.root / "pictures" / "extra"
    extra.mkdir()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(extra / "one.png")
    try:
        assert planned(stale) == ALL
    finally:
        (extra / "one.png").unlink()
        extra.rmdir()
    assert planned(stale) == set()


def test_a_model_removed(stale) -> None:
    models = {"mlp": BASE["classify"]["models"]["mlp"]}
    assert planned(stale, classify__models=models) == {REPORT}


def test_comments_docstrings_and_formatting(stale) -> None:
    path = stale.root / "src/darkroom/fit/trainer.py"
    with edited(path, "def fit(", "# a comment\n\n\ndef fit("):
        assert planned(stale) == set()
    with edited(path, '"""The one training loop', '"""Another text'):
        assert planned(stale) == set()
    with edited(path, "logger=False,", "logger=(\n            False\n        ),"):
        assert planned(stale) == set()


def test_a_real_change_in_one_network(stale) -> None:
    with edited(stale.root / "src/darkroom/nets/resnet.py", "nn.ReLU()", "nn.GELU()"):
        assert planned(stale) == jobs("classifier: resnet", "train judge", "evaluate generator")


def test_a_real_change_in_what_two_families_share(stale) -> None:
    with edited(stale.root / "src/darkroom/nets/layers.py", "clamp_min(1e-3)", "clamp_min(1e-4)"):
        assert planned(stale) == jobs("classifier", "train judge", "evaluate generator")


def test_a_real_change_in_the_training_loop(stale) -> None:
    with edited(stale.root / "src/darkroom/fit/trainer.py", "num_sanity_val_steps=0", "num_sanity_val_steps=1"):
        assert planned(stale) == jobs("classifier", "generator")


def test_the_tracking_code_and_the_reports_template(stale) -> None:
    with edited(stale.root / "src/darkroom/track.py", "patience: float = 20.0", "patience: float = 21.0"):
        assert planned(stale) == set()
    with edited(stale.root / "src/darkroom/report/page.html", "<body", "<!-- --><body"):
        assert planned(stale) == {REPORT}


def test_a_touched_picture_and_a_touched_module(stale) -> None:
    picture = next((stale.root / "pictures" / "0").iterdir())
    later = time.time() + 60
    for path in (picture, stale.root / "src/darkroom/nets/resnet.py", stale.root / "data/stale/prepared/manifest.json"):
        os.utime(path, (later, later))
    assert planned(stale) == set()


def test_a_changed_picture(stale) -> None:
    picture = next((stale.root / "pictures" / "1").iterdir())
    original = picture.read_bytes()
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(picture)
    try:
        assert planned(stale) == ALL
    finally:
        picture.write_bytes(original)
    assert planned(stale) == set()


def test_threads_and_cores_of_the_scheduler(stale) -> None:
    assert stale.planned("--configfile", "config/stale.yaml", "--cores", "1") == set()
