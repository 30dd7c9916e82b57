"""Every benchmark runs from end to end with tiny sizes; what it prints then means nothing."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from sklearn.datasets import load_digits

from darkroom.nets import pretrained

pytestmark = pytest.mark.long
FOLDER = Path(__file__).parents[1] / "benchmarks"
LIBRARY = {"project", "usual_training", "watched"}
Run = Callable[..., ModuleType]

DETECT = {"normal": "1", "detectors": {"pca": None}, "examples": 1, "resamples": 1}
TINY = {"name": "tiny", "data": {"source": "sklearn"}, "detect": DETECT}
SHORT = {"epochs": 1, "batch_size": 64}
JUDGE = {"network": {"name": "resnet", "width": 8, "stages": 2}, "training": SHORT}
GENERATE = {"judge": JUDGE, "training": SHORT, "samples": 40, "steps": [], "snapshots": 1}
GENERATORS = {
    "data": {"source": "sklearn"},
    "generate": {**GENERATE, "models": {"gan": {}, "vae": {}, "diffusion": {}}},
}
RARE = {
    "name": "rare-digits",
    "data": {"source": "sklearn", "split": {"keep": {"3": 12}}},
    "augment": {"vae": {"synthetic": {"model": "vae", "confidence": 0.01, "distance": 100}}},
    "classify": {
        "models": {"resnet": {"network": {"width": 8, "stages": 2}}},
        "training": SHORT,
        "seeds": 2,
        "tta": [],
    },
    "generate": {**GENERATE, "models": {"vae": None}},
}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Python is called with a file of that folder."""
    monkeypatch.syspath_prepend(FOLDER)


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a benchmark's `main`: `run("train", "accuracy", EPOCHS=1)` sets its constants first."""

    def call(name: str, *arguments: object, **constants: Any) -> ModuleType:
        module = load(name)
        for constant, value in constants.items():
            monkeypatch.setattr(module, constant, value)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        module.main()
        return module

    return call


def write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive in MVTec AD's layout: 40 normal images to train on, 8 to test, and 8 with a defect and its mask."""
    root, draws = tmp_path_factory.mktemp("tiles"), np.random.default_rng(0)
    with zipfile.ZipFile(root / "tiles.zip", "w") as archive:

        def add(name: str, values: np.ndarray) -> None:
            Image.fromarray(values).save(root / "image.png")
            archive.write(root / "image.png", f"tiles/{name}")

        for number in range(56):
            image = draws.integers(90, 130, (32, 32), dtype=np.uint8)
            mask = np.zeros_like(image)
            if number < 40:
                add(f"train/good/{number}.png", image)
            elif number < 48:
                add(f"test/good/{number}.png", image)
            else:
                image[8:16, 8:16], mask[8:16, 8:16] = 250, 255
                add(f"test/dent/{number}.png", image)
                add(f"ground_truth/dent/{number}_mask.png", mask)
    return root / "tiles.zip"


@pytest.fixture(scope="session")
def digits_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as train/CLASS and test/CLASS images."""
    root, found = tmp_path_factory.mktemp("digits-archive"), load_digits()
    with zipfile.ZipFile(root / "digits.zip", "w") as archive:
        for number, (image, label) in enumerate(zip(found.images[:400], found.target[:400], strict=True)):
            Image.fromarray((image * 15).astype(np.uint8)).convert("RGB").save(root / "image.png")
            archive.write(root / "image.png", f"{'test' if number % 4 == 0 else 'train'}/{label}/{number}.png")
    return root / "digits.zip"


def test_audit(run: Run) -> None:
    audit = {"network": JUDGE["network"], "training": SHORT, "folds": 2, "images": 10, "resamples": 10}
    run("audit", CONFIG={**load("audit").CONFIG, "data": {"source": "sklearn"}, "audit": audit})


def test_augment(run: Run) -> None:
    run("augment", IMAGES=20, COPIES=2, ROUNDS=1)


def test_lr_range(run: Run) -> None:
    run("lr_range", "--data", "sklearn", "--networks", "mlp", "--optimizers", "adamw", "--epochs", 1)


@pytest.mark.skipif(pretrained.installed() is None, reason="needs the extra backbone")
def test_transfer(run: Run, digits_archive: Path) -> None:
    for what in ("probe", "fine_tune", "speed"):
        run("transfer", what, digits_archive, "--images", 4, "--test", 2, "--size", 32, "--epochs", 2)
    run("transfer", "memory", "--size", 32)


@pytest.mark.skipif(pretrained.installed() is None, reason="needs the extra backbone")
def test_ladder(run: Run, digits_archive: Path) -> None:
    run("ladder", digits_archive, "--minutes", 0.1, "--size", 32)


def test_forecast(run: Run, tmp_path: Path) -> None:
    run("forecast", tmp_path, "--cases", 1, "--sets", "pixels", CLASSES=(2,), TRAIN=(60,), TEST=(100,))


def test_pretrain(run: Run, digits_archive: Path) -> None:
    run("pretrain", "quality", digits_archive, "--epochs", 1)
    if find_spec("lightly"):
        run("pretrain", "speed", digits_archive, BATCH=32, ROUNDS=1)


def test_detectors(run: Run) -> None:
    run("detectors", "digits", "--set", "digits-8x8", DIGITS={"pca": {}}, SETS={"digits-8x8": ("sklearn", 1)})


def test_generators_and_denoiser(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "config/config.yaml", GENERATORS)
    write(tmp_path / "config/generators.yaml", GENERATORS)
    write(tmp_path / "config/rare_digits.yaml", RARE)
    work = tmp_path / "work"
    for what in ("default", "sampling", "steps"):
        run("generators", what, "--work", work, "--seeds", 1, ROOT=tmp_path)
    run("denoiser", "--work", work, "--seconds", 2, SHAPE=(1, 8, 8))
    run("generators", "long", "--seeds", 1, ROOT=tmp_path)
    run("generators", "rare", ROOT=tmp_path)


def test_denoiser(run: Run) -> None:
    run("denoiser", "--busy", ROUNDS=1, SAMPLES=2, SHAPE=(1, 8, 8))


@pytest.mark.parametrize("split", ["grouped", "archive"])
def test_magnetic(split: str, run: Run, tiles: Path) -> None:
    run("magnetic", tiles, "--split", split, "--splits", 1, "--detectors", "pca")


def test_memory(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run("memory", "--epochs", 1, write(tmp_path / "tiny.yaml", TINY))
    assert ended.value.code in (0, 1)  # whether all jobs are as wanted


def test_online(run: Run) -> None:
    run("online", IMAGES=64, BATCH=32, ROUNDS=1, REPEATS=1)


@pytest.mark.skipif(pretrained.installed() is None, reason="the extra backbone is not installed")
def test_patchcore(run: Run, tiles: Path, tmp_path: Path) -> None:
    patchcore = load("patchcore")  # the peer has an environment of its own: ours alone
    patchcore.prepare(tiles, tmp_path)
    assert 0 <= patchcore.ours(tmp_path)["auroc"] <= 1


def test_labels(run: Run) -> None:
    run("labels", "--seeds", 1, "--shares", 0.1, "--epochs", 1)


@pytest.mark.skipif(pretrained.installed() is None, reason="needs the extra backbone")
def test_labels_of_photographs(run: Run, digits_archive: Path) -> None:
    run("labels", "--data", digits_archive, "--size", 32, "--seeds", 1, "--shares", 0.1)


def test_few_labels(run: Run) -> None:
    run("few_labels", "--seeds", 1, "--epochs", 1, "--methods", "pseudo_label")
    run("few_labels", "--cost", "--epochs", 1)


def test_few_labels_after_pretraining(run: Run, digits_archive: Path, tmp_path: Path) -> None:
    few = ("few_labels", "--data", digits_archive, "--pretrain", 1, "--width", 8, "--work", tmp_path, "--epochs", 1)
    run(*few, "--seeds", 2, "--methods", "probe", "fine_tune+pseudo_label")
    made = tmp_path / "simclr-1-8" / "own" / "weights.pt"
    before = made.stat().st_mtime_ns
    run(*few, "--seeds", 1, "--methods", "fine_tune")
    assert made.stat().st_mtime_ns == before


def test_plan(run: Run) -> None:
    run("plan", "--images", 20, "--seeds", 1, "--repeats", 1)
    run("plan", "--jobs", 100)


def test_policies(run: Run, digits_archive: Path, tmp_path: Path) -> None:
    policies = {"standard": {"online": ["hflip"]}}
    run("policies", "cifar10", "--data", digits_archive, "--epochs", 1, upon=lambda standard: policies)


def test_slow_tracking(run: Run) -> None:
    digits = {"source": {"name": "sklearn"}}
    training = {"network": {"name": "mlp", "hidden": [4]}, "training": {"epochs": 1}, "seed": 0}
    with pytest.raises(SystemExit) as ended:
        run("slow_tracking", "--runs", 1, FETCH=digits, PREPARE={**digits, "name": "digits"}, TRAIN=training, DELAY=0.5)
    assert ended.value.code in (0, 1)  # whether no fault costs more than wanted


def test_predict(run: Run) -> None:
    for what in ("speed", "memory"):
        run("predict", what, "--size", 16, "--network", "mlp", TRAINED=20, ROUNDS=1, COUNTS=(8, 4, 8))


def test_streaming(run: Run) -> None:
    run("streaming", "--size", 16, "--images", 12, 24, RESAMPLES=10)


def test_sweep(run: Run) -> None:
    if shutil.which("slurmctld") is None or subprocess.run(["id", "-u"], capture_output=True).stdout != b"0\n":
        pytest.skip("no Slurm on this machine, or not root")
    run("sweep", "--jobs", 2, "profile")


def test_tracking(run: Run) -> None:
    run("tracking", "--writers", 1, "--seconds", 1)


@pytest.mark.parametrize("what", ["throughput", "seconds", "accuracy"])
def test_train(what: str, run: Run) -> None:
    run("train", what, SOURCE="sklearn", EPOCHS=1, TO_GOAL=1)


def test_recipe(run: Run, tmp_path: Path) -> None:
    classify = {"models": {"resnet": {"network": {"width": 8, "stages": 1}}}, "training": SHORT}
    config = {"name": "tiny", "data": {"source": "sklearn"}, "augment": {"standard": {"online": ["affine"]}}}
    write(tmp_path / "tiny.yaml", {**config, "classify": classify})
    run("recipe", tmp_path / "tiny.yaml")


def test_twins(run: Run, tmp_path: Path) -> None:
    images = load_digits().images[:50].astype(np.uint8) * 15
    np.savez(tmp_path / "digits.npz", images=np.concatenate([images, images[:5] ^ 1]))
    (tmp_path / "pairs.csv").write_text("a,b\n0,50\n1,51\n")
    run("twins", tmp_path / "digits.npz", "--pairs", tmp_path / "pairs.csv", "--sheets", tmp_path / "sheets")
    run("twins", "--speed", MANY=200)


def test_workflow(run: Run) -> None:
    copy_project = load("project").copy_project

    def copy(project: Path) -> None:
        copy_project(project)
        write(project / "config/tiny.yaml", TINY)

    run("workflow", "tiny", copy_project=copy)


def test_no_benchmark_is_left_out() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    scripts = {path.stem for path in FOLDER.glob("*.py")} - LIBRARY
    assert [name for name in sorted(scripts) if f'"{name}"' not in text] == []


def test_suggest(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, training = {"name": "mlp", "hidden": [16]}, {"epochs": 2, "batch_size": 32}
    simulated = {"rounds": 1, "step": 5, "seeds": 2, "network": network, "training": training}
    config = {"name": "tiny", "data": {"source": "sklearn"}, "suggest": simulated}
    run("suggest", "--config", write(tmp_path / "tiny.yaml", config), "--rules", "random", "margin")
    shown = capsys.readouterr().out
    assert "margin     minus random" in shown
    assert "4 simulations" in shown


@pytest.mark.skipif(find_spec("audiomentations") is None, reason="needs the extra audio")
def test_audio(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "spoken.zip", "w") as archive:
        for name in (f"{digit}_{who}_{index}" for digit in "01" for who in ("ann", "bo", "cy") for index in (4, 5, 6)):
            with archive.open(f"{name}.wav", "w") as stream, wave.open(stream, "wb") as sound:
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(np.random.default_rng(len(name)).integers(-9999, 9999, 4000, np.int16).tobytes())
    run("audio", "speakers", tmp_path / "spoken.zip", "--epochs", 1, "--policies", "none", "both")
    run("audio", "speed", SHAPES=((8000, 256, 80, 40),))


def test_teach(run: Run, tiles: Path) -> None:
    run("teach", tiles, "--splits", 1, "--tolerance", 0.5, DETECTORS={"pca": {"name": "pca"}})


def test_watch(run: Run, tiles: Path) -> None:
    tiny = {"MODELS": 2, "DRAWS": 3, "EPOCHS": 1, "TRAINED": 100, "HELD": 30, "COUNTS": (10, 20)}
    for what in ("alarms", "power"):
        run("watch", what, "digits", **tiny)
    run("watch", "tiles", tiles, "--networks", 1, DRAWS=2, DETECTOR={"name": "pca"})


@pytest.mark.skipif(find_spec("imblearn") is None, reason="needs the extra table")
def test_tables(run: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = (np.arange(300) % 10 == 0).astype(np.int64)
    np.savez(tmp_path / "43_WDBC.npz", X=generator.normal(size=(300, 4)) + labels[:, None], y=labels)
    with zipfile.ZipFile(tmp_path / "tables.zip", "w") as archive:
        archive.write(tmp_path / "43_WDBC.npz", "tabular/43_WDBC.npz")
    run("tables", "smote", tmp_path / "tables.zip", "--tables", "WDBC", "--seeds", 2)
    run("tables", "generators", tmp_path / "tables.zip", "--tables", "WDBC", "--seeds", 2, "--epochs", 1)


@pytest.mark.skipif(find_spec("tokenizers") is None, reason="needs the extra text")
def test_text(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dict").mkdir()
    for part in ("noun", "verb", "adj", "adv"):
        (tmp_path / "dict" / f"data.{part}").write_text("00000100 18 n 02 answer 0 reply 0 000 | words\n")
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "dict"))
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as archive:
        for part, count in (("train", 40), ("test", 10)):
            lines = "".join(f"{i % 2} what answer {i} is {'good' if i % 2 else 'bad'} ?\n" for i in range(count))
            archive.writestr(f"text/trec/TREC.{part}.all", lines)
    run("text", "ngrams", tmp_path / "text.zip", "--sets", "trec")
    for part in ("eda", "mixup"):
        run("text", part, tmp_path / "text.zip", "--sets", "trec", "--sizes", 20, "--seeds", 2, "--epochs", 1)
