"""What a change makes stale: each row of docs/reruns.md, by asking Snakemake for its plan.

The results are stand-ins with real records (see `made.py`): a plan never reads more of them. Without `-m long` a few rows run.
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
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from darkroom import config
from darkroom.augment.config import Policy

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = {
    "name": "stale",
    "data": {"source": {"name": "folder", "path": "pictures"}, "split": {"val": 0.2, "test": 0.2}},
    "augment": {"standard": {"copies": 1}, "drawn": {"synthetic": {"model": "vae"}}},
    "audit": {"folds": 2, "training": {"epochs": 1}},
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
REPORT = "write results/stale/report/index.html"
ALL = {
    "fetch stale",
    "prepare stale",
    "augment: standard",
    "gallery of stale",
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
CHANGED = ("--configfile", "config/changed.yaml")

NEW = "the new jobs"
Change = Callable[[Any], AbstractContextManager[None]]


@dataclass(frozen=True)
class Row:
    """What was changed, the jobs that then run (patterns; none without patterns), and why."""

    what: str
    change: Change
    jobs: tuple[str, ...] = ()
    which: str = ""
    """The jobs in words, for the table; the report, which runs after any other, is not said again."""
    why: str = ""
    """A part of the reason of some job."""
    arguments: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    """Jobs that the base plan does not have."""
    quick: bool = False


def settings(**changes: Any) -> Change:
    """Some values of the base config replaced, keys given as `classify__seeds=2`; None takes a key away."""

    @contextlib.contextmanager
    def change(stale: Any) -> Iterator[None]:
        content = copy.deepcopy(BASE)
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
    git("add", "src", "Snakefile", "workflow", "config/stale.yaml")
    git("commit", "-m", "main")
    git("checkout", "-b", "other")
    path = stale.root / "src/darkroom/nets/mlp.py"
    path.write_text(path.read_text().replace("@register(", "SCALE = 1\n\n\n@register("))
    git("commit", "-am", "other")
    try:
        assert stale.planned(*CHANGED) == {*filter(re.compile("classifier: mlp").search, ALL), REPORT}
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


LR = settings(classify__models__mlp__training__optimizer__lr=0.01)
MLP = ("classifier: mlp",)
RESNETS = ("classifier: resnet", "fold", "audit", "train judge of", "evaluate generator", "draw", "on drawn")
TRAINED = ("fold", "audit", "classifier", "train judge of", "generator", "draw", "detector: autoencoder")
PREPARED = ("^(?!fetch)",)
EVERYTHING = ("",)
ONLY_REPORT = ("^write",)
SYNTHETIC_COPIES = ("draw", "on drawn")
STANDARD = ("augment: standard", "audit: standard", "on standard")
OF_POLICY = "this policy's copies and audit, classifiers on it"
ONLINE = ("audit: standard", "classifier: .* on standard")
JUDGED = ("fold", "audit: ")
GENERATORS = ("generator: ", *SYNTHETIC_COPIES)
OF_GENERATORS = "generators, drawn copies and classifiers on them"
ROWS = [
    Row("nothing", settings(), quick=True),
    # --- settings
    Row("`data.size`", settings(data__size=12), PREPARED, "prepare, and what follows", "size nothing → 12"),
    Row("`data.resize`", settings(data__resize="crop"), PREPARED, "prepare, and what follows"),
    Row("`data.color`", settings(data__color="gray"), PREPARED, "prepare, and what follows"),
    Row(
        "`data.split`",
        settings(data__split={"val": 0.2, "test": 0.3}),
        PREPARED,
        "prepare, and what follows",
        "split.test",
    ),
    Row("`data.label_preserving`", settings(data__label_preserving={"hflip": False}), ONLY_REPORT),
    Row(
        "`data.source.path`, the same pictures elsewhere",
        together(pictures(), settings(data__source__path="kept")),
        EVERYTHING,
        "all",
        "source.path pictures → kept",
    ),
    Row(
        "`augment.standard.copies`",
        settings(augment__standard__copies=2),
        STANDARD,
        OF_POLICY,
        "copies 1 → 2",
    ),
    Row("`augment.standard.offline`", settings(augment__standard__offline=["hflip"]), STANDARD, OF_POLICY),
    Row("`augment.standard.classes`", settings(augment__standard__classes={"0": {"copies": 2}}), STANDARD, OF_POLICY),
    Row("`augment.standard.balance`", settings(augment__standard__balance=True), STANDARD, OF_POLICY),
    Row("`augment.standard.seed`", settings(augment__standard__seed=1), STANDARD, OF_POLICY),
    Row(
        "`augment.standard.imbalance`",
        settings(augment__standard={"copies": 1, "offline": ["affine"], "imbalance": "class_weights"}),
        ONLINE,
        "this policy's audit, classifiers on it",
    ),
    Row(
        "`augment.standard.allow_label_breaking`",
        settings(augment__standard__allow_label_breaking=["hflip"]),
        ("audit: standard",),
        "this policy's audit",
    ),
    Row(
        "`augment.drawn.synthetic`",
        settings(augment__drawn__synthetic={"model": "gan"}),
        SYNTHETIC_COPIES,
        "drawn copies and classifiers on them",
        "generator vae → gan",
    ),
    Row(
        "`augment.standard.online`",
        settings(augment__standard__online=["hflip"]),
        ONLINE,
        "this policy's audit, classifiers on it",
        "policy.online: with hflip",
    ),
    Row("`audit.images`", settings(audit__images=20), ("audit: ",), "audits", "images 200 → 20"),
    Row("`audit.training`", settings(audit__training__epochs=2), JUDGED, "the audit's judges and audits"),
    Row("`audit.network`", settings(audit__network={"name": "mlp"}), JUDGED, "the audit's judges and audits"),
    Row("`audit.seed`", settings(audit__seed=1), JUDGED, "the audit's judges and audits"),
    Row(
        "`audit.folds`",
        settings(audit__folds=3),
        JUDGED,
        "the audit's judges and audits",
        "folds 2 → 3",
        new=("train judge: fold 2",),
    ),
    Row("`audit.tolerance`", settings(audit__tolerance=0.1), ("audit: ",), "audits"),
    Row("`audit.draws`", settings(audit__draws=3), ("audit: ",), "audits"),
    Row("`audit.resamples`", settings(audit__resamples=50), ("audit: ",), "audits"),
    Row("`audit.policies`, the same ones by name", settings(audit__policies=["standard"]), ONLY_REPORT),
    Row("`audit` taken out", settings(audit=None), ONLY_REPORT, why="audit taken out"),
    Row("`classify.training`", settings(classify__training={"epochs": 2}), ("classifier",), "classifiers"),
    Row(
        "`classify.training.threads`, on which sums depend",
        settings(classify__training={"epochs": 1, "threads": 2}),
        ("classifier",),
        "classifiers",
        "training.threads 1 → 2",
    ),
    Row(
        "`classify.models.mlp.network`",
        settings(classify__models__mlp__network={"hidden": [16]}),
        MLP,
        "its trainings and evaluations",
        "network.hidden",
    ),
    Row("`classify.policies` without one", settings(classify__policies=["none", "standard"]), ONLY_REPORT),
    Row(
        "the learning rate of one classifier",
        LR,
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
        quick=True,
    ),
    Row(
        "two values swapped",
        settings(classify__models__mlp__training__optimizer={"lr": 0.002, "weight_decay": 0.001}),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.002; training.optimizer.weight_decay 0.002 → 0.001",
    ),
    Row(
        "keys in another order, a default written out",
        settings(
            classify__models__mlp__training__optimizer={
                "weight_decay": 0.002,
                "beta1": 0.9,
                "lr": 0.001,
                "name": "adamw",
            },
            generate__seeds=1,
        ),
        quick=True,
    ),
    Row("`classify.tta`", settings(classify__tta=["hflip"]), ("evaluate classifier",), "evaluations of classifiers"),
    Row(
        "`classify.tta_merge`",
        settings(classify__tta_merge="max"),
        ("evaluate classifier",),
        "evaluations of classifiers",
    ),
    Row(
        "`classify.resamples`", settings(classify__resamples=50), ("evaluate classifier",), "evaluations of classifiers"
    ),
    Row("`generate.training`", settings(generate__training={"epochs": 2}), GENERATORS, OF_GENERATORS),
    Row("`generate.snapshots`", settings(generate__snapshots=2), GENERATORS, OF_GENERATORS),
    Row("`generate.steps`", settings(generate__steps=[2]), ("evaluate generator",), "evaluations of generators"),
    Row(
        "`generate.seeds`, one added",
        settings(generate__seeds=[0, 1]),
        new=tuple(f"{do} generator: {model}, seed 1" for do in ("train", "evaluate") for model in ("vae", "gan")),
    ),
    Row("`generate.samples`", settings(generate__samples=8), ("evaluate generator",), "evaluations of generators"),
    Row(
        "`generate.judge`",
        settings(generate__judge={"training": {"epochs": 1}}),
        ("train judge of", "evaluate generator", *SYNTHETIC_COPIES),
        "the judge, evaluations of generators, drawn copies and classifiers on them",
    ),
    Row(
        "`generate.models.gan.training`",
        settings(generate__models__gan={"training": {"epochs": 3}}),
        ("generator: gan",),
        "its training and evaluation",
    ),
    Row(
        "`detect.detectors.pca.detector`",
        settings(detect__detectors__pca={"detector": {"components": 3}}),
        ("detector: pca",),
        "its fits and evaluations",
        "detector.components ",
    ),
    Row(
        "`detect.false_alarms`", settings(detect__false_alarms=0.1), ("evaluate detector",), "evaluations of detectors"
    ),
    Row(
        "`detect.threshold`", settings(detect__threshold="best_f1"), ("evaluate detector",), "evaluations of detectors"
    ),
    Row("`detect.examples`", settings(detect__examples=10), ("evaluate detector",), "evaluations of detectors"),
    Row("`detect.resamples`", settings(detect__resamples=50), ("evaluate detector",), "evaluations of detectors"),
    Row(
        "`detect.training`",
        settings(detect__training={"epochs": 1}),
        ("detector: autoencoder",),
        "fits and evaluations of what is trained",
    ),
    Row(
        "`detect.contamination`, one added",
        settings(detect__contamination=[0.0, 0.1]),
        new=tuple(
            f"{do} detector: {name} on normal-{n}.contamination-0.1, seed 0"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
            for n in (1, 2)
        ),
    ),
    Row(
        "`detect.seeds`, one added",
        settings(detect__seeds=[0, 1]),
        new=tuple(
            f"{do} detector: {name} on normal-{n}, seed 1"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
            for n in (1, 2)
        ),
    ),
    Row("`tracking.uri`", settings(tracking={"uri": "sqlite:///results/other.db"})),
    # --- what there is
    Row(
        "a classifier added",
        settings(classify__models__wide={"network": "mlp"}),
        new=tuple(
            f"{do} classifier: wide on {policy}, seed {seed}"
            for do in ("train", "evaluate")
            for policy in ("none", "standard", "drawn")
            for seed in (0, 1)
        ),
        why="never made",
        quick=True,
    ),
    Row("a classifier removed", settings(classify__models__mlp=None), ONLY_REPORT, quick=True),
    Row(
        "a policy added",
        settings(augment__strong={"copies": 2}),
        new=(
            "augment: strong",
            "audit: strong",
            *(
                f"{do} classifier: {model} on strong, seed {seed}"
                for do in ("train", "evaluate")
                for model in ("mlp", "resnet")
                for seed in (0, 1)
            ),
        ),
    ),
    Row("a policy removed", settings(augment__drawn=None), ONLY_REPORT),
    Row(
        "a seed added",
        settings(classify__seeds=[0, 1, 2]),
        new=tuple(job.replace("seed 1", "seed 2") for job in sorted(ALL) if "classifier" in job and "seed 1" in job),
    ),
    Row("a seed removed", settings(classify__seeds=[0]), ONLY_REPORT),
    Row(
        "a generator added",
        settings(generate__models__diffusion={}),
        new=tuple(f"{do} generator: diffusion, seed 0" for do in ("train", "evaluate")),
    ),
    Row("a generator removed", settings(generate__models__gan=None), ONLY_REPORT),
    Row(
        "a detector added",
        settings(detect__detectors__near={"detector": "mahalanobis"}),
        new=tuple(f"{do} detector: near on normal-{n}, seed 0" for do in ("fit", "evaluate") for n in (1, 2)),
    ),
    Row("a detector removed", settings(detect__detectors__pca=None), ONLY_REPORT),
    Row(
        "a class added to `detect.normal`",
        settings(detect__normal=["1", "2", "0"]),
        new=tuple(
            f"{do} detector: {name} on normal-0, seed 0"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
        ),
    ),
    Row("a class taken out of `detect.normal`", settings(detect__normal=["1"]), ONLY_REPORT),
    # --- pictures
    Row("a class of pictures added", pictures(new_class), EVERYTHING, "all", "1 new image"),
    Row(
        "a class of pictures deleted",
        pictures(lambda folder: shutil.rmtree(folder / "0")),
        EVERYTHING,
        "all",
        "removed",
    ),
    Row("three pictures added", pictures(added), EVERYTHING, "all", "3 new images"),
    Row(
        "a picture replaced, under the old time and size",
        pictures(lambda folder: replaced(folder / "0" / "0.png")),
        EVERYTHING,
        "all",
        "1 replaced image",
        quick=True,
    ),
    Row("a picture deleted", pictures(lambda p: (p / "0" / "0.png").unlink()), EVERYTHING, "all", "1 removed image"),
    Row("a picture renamed", pictures(renamed), EVERYTHING, "all", "1 renamed image"),
    Row(
        "pictures, modules or manifests touched",
        touched("pictures/0/0.png", "src/darkroom/nets/resnet.py", "data/stale/prepared/manifest.json"),
    ),
    # --- code
    Row(
        "one network",
        code("nets/resnet.py", "nn.ReLU()", "nn.GELU()"),
        RESNETS,
        "what trains or judges with it",
        "nets/resnet.py: function ",
        quick=True,
    ),
    Row(
        "one generator's losses",
        code("generate/gan/losses.py", "softplus", "relu"),
        ("generator: gan",),
        "its training and evaluation",
    ),
    Row(
        "one detector",
        code("detect/pca.py", "def __init__", "EXTRA = 1\n\n    def __init__"),
        ("detector: pca",),
        "its fits and evaluations",
        "detect/pca.py: class PCA",
    ),
    Row(
        "one transform's file",
        code("augment/transforms/affine.py", "import albumentations", "import math as _, albumentations"),
        ("augment: ", "gallery", "audit: ", "on standard"),
        "policies that name one of its transforms, the gallery",
    ),
    Row(
        "layers that two kinds of networks share",
        code("nets/layers.py", "clamp_min(1e-3)", "clamp_min(1e-4)"),
        ("classifier", "fold", "audit", "train judge of", "evaluate generator", "draw"),
        "what uses either",
    ),
    Row(
        "the training loop",
        code("fit/trainer.py", "num_sanity_val_steps=0", "num_sanity_val_steps=1"),
        TRAINED,
        "what trains",
    ),
    Row("what every stage uses", code("files.py", "with_name(", 'with_name("" + '), EVERYTHING, "all"),
    Row(
        "a comment, a docstring, the format",
        together(
            code("fit/trainer.py", "def fit(", "# a comment\n\n\ndef fit("),
            code("files.py", '"""The sha256', '"""Another text. The sha256'),
            code("data/prepare.py", "from darkroom.log import Log", "from darkroom.log import (\n    Log,\n)"),
        ),
        quick=True,
    ),
    Row("the tracking code", code("track.py", "patience: float = 20.0", "patience: float = 21.0")),
    Row(
        "the report's template",
        code("report/page.html", "<body", "<!-- --><body"),
        ONLY_REPORT,
        why="report/page.html: changed",
        quick=True,
    ),
    Row(
        "the command of a rule",
        edited("workflow/rules/detect.smk", "darkroom detect evaluate --spec", "darkroom detect evaluate  --spec"),
        ("evaluate detector",),
        "that rule's",
        "the command of its rule changed",
    ),
    Row("a rule's comment", edited("workflow/rules/augment.smk", "# classifiers wait", "# they wait")),
    Row(
        "the version of a library",
        other_version("albumentations"),
        ("augment: ", "gallery", "audit: ", "on standard"),
        "what imports it, and what follows",
        "albumentations 2.0.8 → 99",
    ),
    Row("the version of a library that no stage imports", other_version("snakemake")),
    # --- how it is run
    Row(
        "cores, threads, resources",
        settings(),
        arguments=("--cores", "1", "--set-threads", "augment_apply=1", "--set-resources", "classify_train:mem_mb=900"),
    ),
    Row("another profile", edited("profiles/default/config.yaml", "keep-going: true", "keep-going: false")),
    # --- where it is
    Row("the clone moved to another folder", moved),
    Row("results copied to another clone, `.snakemake/` too", copied(memory=True, times=False)),
    Row("results copied to another clone with their times", copied(memory=False, times=True)),
    Row(
        "results copied to another clone, and the learning rate of one classifier",
        together(LR, copied(memory=False, times=True)),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
    ),
    Row("`.snakemake/` deleted", away(".snakemake")),
    Row(
        "`.snakemake/` deleted, and the learning rate of one classifier",
        together(LR, away(".snakemake")),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
        quick=True,
    ),
    Row("a branch checked out and left again", branch_and_back),
    Row(
        "a result deleted",
        away("results/stale/classify/none/mlp/seed-0/model"),
        ("classifier: mlp on none, seed 0",),
        "it, and what follows",
        "it is gone",
    ),
    Row(
        "a result's manifest deleted, as by a training that failed",
        away("results/stale/classify/none/mlp/seed-0/model/manifest.json"),
        ("classifier: mlp on none, seed 0",),
        "it, and what follows",
        "its last run failed, or was broken off",
    ),
]


def expected(row: Row) -> set[str]:
    """The jobs of a row."""
    found = {job for job in ALL if any(re.search(pattern, job) for pattern in row.jobs)} | set(row.new)
    return found | {REPORT} if found else found


@pytest.fixture(scope="module")
def stale(project):
    """The project with the results of a run on a folder of 120 pictures."""
    data = load_digits()
    for number, index in enumerate(np.flatnonzero(data.target < 3)[:120]):
        folder = project.root / "pictures" / str(data.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[index] * 15).astype(np.uint8)).save(folder / f"{number}.png")
    project.config("stale", BASE)
    summary = project.call("--configfile", "config/stale.yaml", "--summary").stdout
    outputs = [line.split("\t")[0] for line in summary.splitlines()[1:]]
    project.python(str(Path(__file__).with_name("made.py")), "config/stale.yaml", *outputs)
    project.call("--configfile", "config/stale.yaml", "--touch")
    return project


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.what, marks=() if row.quick else pytest.mark.long) for row in ROWS]
)
def test_what_runs_after_a_change(stale, row: Row) -> None:
    stale.config("changed", BASE)
    with row.change(stale):
        reasons = stale.reasons(*CHANGED, *row.arguments)
    assert set(reasons) == expected(row)
    assert any(row.why in reason for reason in reasons.values()) or not row.why, "\n".join(set(reasons.values()))
    assert not any("Params have changed" in reason for reason in reasons.values())


@pytest.mark.long
def test_forcing_plans_every_job(stale) -> None:
    assert stale.reasons("--configfile", "config/stale.yaml", "--forceall") == dict.fromkeys(ALL, "forced")


def test_the_table_in_the_docs_is_this_one() -> None:
    told = (ROOT / "docs" / "reruns.md").read_text(encoding="utf-8")
    assert table() in told, table()


def test_every_key_of_every_section_has_a_row() -> None:
    elsewhere = {"classify.models": "a classifier added", "classify.seeds": "a seed added"}
    elsewhere |= {"generate.models": "a generator added", "detect.detectors": "a detector added"}
    sections = {name: config.Config.model_fields[name].annotation for name in config.Config.model_fields}
    keys = [f"augment.standard.{key}" for key in Policy.model_fields if key != "synthetic"] + [
        "augment.drawn.synthetic"
    ]
    for name in ("data", "audit", "classify", "generate", "detect", "tracking"):
        [section] = [
            part for part in (*typing.get_args(sections[name]), sections[name]) if hasattr(part, "model_fields")
        ]
        keys += [f"{name}.{key}" for key in section.model_fields]
    told = [row.what for row in ROWS]
    missing = [key for key in keys if not any(f"`{key}" in what or what == elsewhere.get(key) for what in told)]
    assert missing == []


def table() -> str:
    """The rows as a table."""
    lines = ["| what was changed | what runs |", "|---|---|"]
    for row in ROWS:
        which = row.which or (NEW if row.new else "the report" if row.jobs else "nothing")
        lines.append(f"| {row.what} | {which} |")
    return "\n".join(lines)
