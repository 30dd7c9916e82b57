"""Ways to change a project between two runs, each put back afterwards.

A change is called with the project, which has the results of a base config, and is there while its `with` block runs.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import operator
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BASE: dict[str, Any] = {
    "name": "stale",
    "data": {"source": {"name": "folder", "path": "pictures"}, "split": {"val": 0.2, "test": 0.2}},
    "augment": {"standard": {"copies": 1}, "drawn": {"synthetic": {"model": "vae"}}},
    "audit": {"folds": 2, "training": {"epochs": 1}},
    "pretrain": {"models": {"own": {"objective": "simclr", "network": "cnn", "views": ["contrast"]}}},
    "classify": {
        "training": {"epochs": 1},
        "models": {
            "mlp": {"training": {"optimizer": {"lr": 0.001, "weight_decay": 0.002}}},
            "resnet": {"network": {"width": 8, "stages": 1}},
        },
        "seeds": [0, 1],
    },
    "generate": {"models": {"vae": {}, "gan": {}}, "samples": 4},
    "detect": {"normal": ["1", "2"], "detectors": {"pca": {}, "autoencoder": {}}},
}
"""The config of the run before, for most rows; `CHANGED` is the same one with a change."""
REPORT = "write results/stale/report/index.html"
EXPLANATION = "explain the classifiers of stale"
ALL = {
    "fetch stale",
    "prepare stale",
    "attributes of stale",
    "data card of stale",
    "augment: standard",
    "augment: standard, contact sheet",
    "gallery of stale",
    "pretrain: own",
    "measure features without pretraining",
    "train judge: fold 0",
    "train judge: fold 1",
    "audit: standard",
    *(
        f"{do} classifier: {model} on {policy}, seed {seed}"
        for do in ("train", "evaluate")
        for model in ("mlp", "resnet")
        for policy in ("none", "standard", "drawn")
        for seed in (0, 1)
    ),
    EXPLANATION,
    "train judge of generators",
    *(f"{do} generator: {model}, seed 0" for do in ("train", "evaluate") for model in ("vae", "gan")),
    "draw copies for drawn",
    *(
        f"{do} detector: {name} on normal-{n}, seed 0"
        for do in ("fit", "evaluate")
        for name in ("pca", "autoencoder")
        for n in (1, 2)
    ),
    REPORT,
}
"""The jobs of its plan, by their messages."""
CHANGED = ("--configfile", "config/changed.yaml")
Change = Callable[[Any], AbstractContextManager[None]]


def settings(base: Mapping[str, Any] = BASE, /, **changes: Any) -> Change:
    """Some values of the base config replaced, keys given as `classify__seeds=2`; None takes a key away."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        content = dict(copy.deepcopy(base))
        for path, value in changes.items():
            *parents, last = path.split("__")
            place = functools.reduce(operator.getitem, parents, content)
            place.pop(last, None)
            if value is not None:
                place[last] = value
        stale.config("changed", content)
        yield

    return change


def edited(file: str, before: str, after: str) -> Change:
    """A file of the project with some text replaced."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        path = stale.root / file
        original = path.read_text(encoding="utf-8")
        assert before in original, f"{path} has no {before!r}"
        path.write_text(original.replace(before, after), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(original, encoding="utf-8")

    return change


def code(file: str, before: str, after: str) -> Change:
    """An edit in the package."""
    return edited(f"src/darkroom/{file}", before, after)


def added_file(name: str, text: str) -> Change:
    """A new file of the project."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        path = stale.root / name
        path.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            path.unlink()

    return change


def pictures(*do: Callable[[Path], None]) -> Change:
    """Something done to the folder of pictures, which is put back with all its times."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        folder, kept = stale.root / "pictures", stale.root / "kept"
        shutil.copytree(folder, kept)
        for step in do:
            step(folder)
        try:
            yield
        finally:
            shutil.rmtree(folder)
            kept.rename(folder)

    return change


def replaced(picture: Path) -> None:
    """Other content of the same size under the old times."""
    status = picture.stat()
    time.sleep(0.02)  # the clock behind a change time ticks every few milliseconds
    picture.write_bytes(bytes(status.st_size))
    os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))


def touched(*names: str) -> Change:
    """Files with a later time."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        later = time.time() + 60
        before = {name: (stale.root / name).stat() for name in names}
        for name in names:
            os.utime(stale.root / name, (later, later))
        try:
            yield
        finally:
            for name, status in before.items():
                os.utime(stale.root / name, ns=(status.st_atime_ns, status.st_mtime_ns))

    return change


def together(*changes: Change) -> Change:
    """Several changes at once."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for one in changes:
                stack.enter_context(one(stale))
            yield

    return change


def away(name: str) -> Change:
    """A file or folder that is not there."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        place, kept = stale.root / name, stale.root / "kept-away"
        place.rename(kept)
        try:
            yield
        finally:
            if place.is_dir():
                shutil.rmtree(place)
            kept.rename(place)

    return change


def other_version(name: str) -> Change:
    """A library with another version: metadata found before the installed one's."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        folder = stale.root / "elsewhere" / f"{name}-99.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99\n")
        try:
            yield
        finally:
            shutil.rmtree(folder)

    return change


@contextlib.contextmanager
def moved(stale: Any) -> Iterator[None]:
    """The whole project in another folder."""
    here = stale.root
    stale.root = here.rename(here.with_name("moved"))
    try:
        yield
    finally:
        stale.root = stale.root.rename(here)


def copied(*, memory: bool, times: bool) -> Change:
    """A fresh clone with the results copied into it."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        here = stale.root
        clone = here.with_name("clone")
        without = shutil.ignore_patterns(*(() if memory else (".snakemake",)))
        shutil.copytree(here, clone, ignore=without, copy_function=shutil.copy2 if times else shutil.copy)
        stale.root = clone
        try:
            yield
        finally:
            stale.root = here
            shutil.rmtree(clone)

    return change


@contextlib.contextmanager
def branch_and_back(stale: Any) -> Iterator[None]:
    """A branch with other code and settings checked out, planned, and left again."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *words], cwd=stale.root, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", "src", "workflow", "config/stale.yaml")
    git("commit", "-m", "main")
    git("checkout", "-b", "other")
    path = stale.root / "src/darkroom/nets/mlp.py"
    path.write_text(path.read_text().replace("    def __init__", "    SCALE = 1\n\n    def __init__", 1))
    git("commit", "-am", "other")
    try:
        assert stale.planned(*CHANGED) == {*filter(re.compile("classifier: mlp").search, ALL), EXPLANATION, REPORT}
        git("checkout", "main")
        yield
    finally:
        git("checkout", "main")
        shutil.rmtree(stale.root / ".git")


def renamed(folder: Path) -> None:
    (folder / "0" / "0.png").rename(folder / "0" / "other.png")


def added(folder: Path) -> None:
    for index in range(3):
        Image.fromarray(np.full((8, 8), index, np.uint8)).save(folder / "1" / f"new-{index}.png")


def new_class(folder: Path) -> None:
    (folder / "3").mkdir()
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(folder / "3" / "first.png")
