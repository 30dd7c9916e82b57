"""Jobs that fail: what they leave, what the others do, and what the page says."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.workflow.conftest import Project

from darkroom import files

BROKEN = {"clip": None, "optimizer": {"name": "sgd", "lr": 1e30}}
"""A training that ends with a loss which is no number."""
SHORT = {"epochs": 1, "batch_size": 64}


def words(page: str) -> str:
    """A page's text at its top, without the marks."""
    return " ".join(re.sub("<.*?>", " ", page.partition("</header>")[0].partition("<header")[2]).split())


@pytest.mark.thorough
def test_the_others_finish_and_the_page_says_what_is_missing_and_why(project) -> None:
    detectors: dict[str, Any] = {"pca": {}, "broken": {"detector": "autoencoder", "training": BROKEN}}
    content = {"name": "one", "data": {"source": "sklearn"}}
    content["detect"] = {"normal": "1", "training": {"epochs": 1}, "detectors": detectors, "resamples": 50}
    config = ("--configfile", str(project.config("one", content)))
    failed = project.call(*config, check=False)
    page = project.root / "results/one/report/index.html"
    assert failed.returncode == 1
    assert "1 job failed, and 1 more could not run. For available and missing results, see results/one/report" in (
        failed.stdout + failed.stderr
    )
    told = words(page.read_text(encoding="utf-8"))
    assert "1 job failed : this page shows what there is" in told
    assert "detect/normal-1/broken/seed-0/model : darkroom detect fit: the training loss is not finite" in told
    assert "missing without it: detect/normal-1/broken/seed-0/evaluation" in told
    assert "pca" in page.read_text(encoding="utf-8").partition('id="detect"')[2]
    again = project.call(*config, "--dry-run")
    assert "Reason: it was deleted, or its first run failed" in again.stdout + again.stderr

    del detectors["broken"]
    project.config("one", content)
    assert project.planned(*config) == {"write results/one/report/index.html"}, "the page is not taken for a whole one"
    project.call(*config)
    assert "failed" not in words(page.read_text(encoding="utf-8"))
    assert files.read_manifest(page.parent)


@pytest.mark.long
def test_one_of_each_kind_fails(project) -> None:
    plain = {"network": {"name": "mlp", "hidden": [16]}}
    generators = {"vae": {}, "broken": {"generator": "vae", "training": BROKEN}}
    detectors = {"pca": {}, "broken": {"detector": "autoencoder", "training": BROKEN}}
    content = {
        "name": "each",
        "data": {"source": "sklearn"},
        "augment": {"drawn": {"synthetic": {"model": "broken"}}},
        "classify": {"training": SHORT, "models": {"mlp": plain, "broken": {"network": "mlp", "training": BROKEN}}},
        "generate": {"training": SHORT, "models": generators, "samples": 20, "steps": [2], "snapshots": 1},
        "detect": {"normal": "1", "training": {"epochs": 1}, "detectors": detectors},
    }
    content["classify"]["resamples"] = content["detect"]["resamples"] = 50  # type: ignore[index]
    content["generate"]["judge"] = {**plain, "training": SHORT}  # type: ignore[index]
    failed = project.call("--configfile", str(project.config("each", content)), check=False)
    assert failed.returncode == 1
    # without the generator: its evaluation, the copies, and two classifiers on them, trained and evaluated
    assert "3 jobs failed, and 8 more could not run." in failed.stdout + failed.stderr
    page = (project.root / "results/each/report/index.html").read_text(encoding="utf-8")
    told = words(page)
    assert "3 jobs failed : this page shows what there is" in told
    for place, stage in (
        ("classify/none", "classify train"),
        ("generate", "generate train"),
        ("detect/normal-1", "detect fit"),
    ):
        assert f"{place}/broken/seed-0/model : darkroom {stage}: the training loss is not finite" in told
    assert "6 results that need it are missing" in told
    for name in (
        "classify/drawn/mlp/seed-0/evaluation",
        "classify/drawn/broken/seed-0/model",
        "generate/synthetic/drawn",
    ):
        assert name in told
    for section, method in (("classify", "mlp"), ("generate", "vae"), ("detect", "pca")):
        assert method in page.partition(f'id="{section}"')[2]


@pytest.mark.long
def test_the_last_good_model_stays_until_its_successor_is_whole(project, small_disk, tmp_path: Path) -> None:
    results = small_disk(project.root / "results/last", 2**25)
    seed, model = "results/last/detect/normal-1/autoencoder/seed-0", "results/last/generate/diffusion/seed-0/model"
    targets = (f"{seed}/evaluation/manifest.json", f"{model}/manifest.json")
    (images := tmp_path / "images").mkdir()
    for number in range(3):
        (images / f"{number}.pgm").write_bytes(b"P5 8 8 255 " + bytes(range(40 * number, 40 * number + 64)))

    def config(**training: Any) -> tuple[str, ...]:
        content = {"name": "last", "data": {"source": "sklearn"}, "tracking": {"uri": ""}}
        content["generate"] = {"training": SHORT | training, "models": {"diffusion": {}}, "snapshots": 1}
        content["detect"] = {
            "normal": "1",
            "training": {"epochs": 1} | training,
            "detectors": {"autoencoder": {}},
            "resamples": 50,
        }
        return (*targets, "--configfile", str(project.config("last", content)))

    def used(name: str) -> tuple[str, dict[str, str], bool]:
        """The scores of the detector, the hashes of the exported generator, and whether both are said to be the last good."""
        score = ("detect", "score", "--model", seed, "--images", str(images), "--out", str(tmp_path / f"{name}-scores"))
        export = ("generate", "export", "--model", model, "--out", str(tmp_path / f"{name}-export"))
        said = [project.python("-m", "darkroom", *command).stderr for command in (score, export)]
        kept = ["is the last good model" in text for text in said]
        assert len(set(kept)) == 1
        table = (tmp_path / f"{name}-scores" / "scores.csv").read_text(encoding="utf-8")
        return table, files.read_manifest(tmp_path / f"{name}-export"), kept[0]

    project.call(*config())
    table, exported, kept = used("first")
    assert not kept

    failed = project.call(*config(**BROKEN), check=False)
    assert failed.returncode == 1
    assert used("exploded") == (table, exported, True)

    better = config(optimizer={"lr": 0.01})
    (filler := results / "filler").write_bytes(bytes(shutil.disk_usage(results).free - 2**15))
    full = project.call(*better, check=False)
    assert full.returncode == 1
    assert "could not write results/last/" in full.stdout + full.stderr
    filler.unlink()
    assert used("full") == (table, exported, True)

    running = Project(project.root).start(*better)  # jobs with an interpreter of their own
    log = project.root / "results/last/logs/generate/diffusion/seed-0/train.log"
    began = time.time()
    while not (log.exists() and log.stat().st_mtime > began):
        time.sleep(0.05)
        assert running.poll() is None
    for process in [*psutil.Process(running.pid).children(recursive=True), running]:
        process.kill()
    running.communicate()
    assert used("killed") == (table, exported, True)

    project.call(*better)
    other_table, other_exported, kept = used("better")
    assert not kept
    assert other_table != table
    assert other_exported != exported
    assert len(list(results.rglob("weights.pt"))) == 2, "the old ones are gone"
