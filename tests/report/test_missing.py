"""The page without some of its inputs: missing, failed and empty results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.report.page import NASTY, Page
from tests.report.written import seed

from darkroom import files
from darkroom.report.config import ClassifierEntry, DetectorEntry, ResultEntry

Plant = Callable[..., Any]


@pytest.mark.parametrize("gone", ["evaluation", "model"])
def test_missing_results_are_listed(plant: Plant, tmp_path: Path, gone: str) -> None:
    tree = plant()
    lost = [f"classify/none/mlp/seed-0/{gone}", f"detect/normal-0/pca/seed-0/{gone}", f"generate/vae/seed-0/{gone}"]
    for path in lost:
        (tree.results / path / files.MANIFEST).unlink()
    page = Page(tree.build(tmp_path / "out"))
    assert "3 results are missing" in page.text
    assert all(f"results/mnist/{path}" in page.text for path in lost)
    assert page.ids() == {"answer", "data", "augment", "classify", "detect", "made"}
    assert "mlp + none" not in page.text


def test_failed_jobs_and_what_needs_them_are_listed_and_not_shown(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    broken, waiting = "classify/none/mlp/seed-0/model", "classify/none/mlp/seed-0/evaluation"
    drawn = [f"{folder}/evaluation" for folder in ("generate/vae/seed-0", "detect/normal-0/pca/seed-0")]
    left = {
        "failed": {
            broken: {"said": f"darkroom classify train: {NASTY[0]}", "log": "logs/train.log"},
            "generate/judge": {"said": ""},
        },
        "waiting": {waiting: [broken], drawn[0]: ["generate/judge"], drawn[1]: ["generate/judge", broken]},
    }
    files.write_json(tmp_path / "unfinished.json", left)
    text = tree.build(tmp_path / "out", unfinished=tmp_path / "unfinished.json")
    page = Page(text)
    assert "2 jobs failed: this page shows what there is" in page.text
    assert f"{broken} : darkroom classify train: {NASTY[0]}" in page.text.replace(f"{broken}:", f"{broken} :")
    assert NASTY[0] not in text
    assert "log: logs/train.log" in page.text
    assert f"missing without it: {waiting}" in page.text
    assert "generate/judge: ended without a message" in page.text
    assert f"missing without it: {', '.join(drawn)}" in page.text
    assert "mlp + none" not in page.text, "an older result in their folders is not of this run"
    assert page.ids() == {"answer", "data", "augment", "classify", "detect", "made"}
    assert "not run, or not finished" not in page.text
    assert not (tmp_path / "out" / files.MANIFEST).exists(), "an incomplete page is no result"
    tree.build(tmp_path / "out")
    assert list(files.read_manifest(tmp_path / "out")) == ["index.html"]


def test_missing_files_and_keys_show_their_reason(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    folder = tree.results / "classify/standard/resnet/seed-0"
    for name in ("evaluation/predictions.parquet", "evaluation/confusion.png", "evaluation/timing.json"):
        (folder / name).unlink()
    metrics = files.read_json(folder / "evaluation/metrics.json")
    metrics["views"]["plain"]["raw"]["macro_auroc"] = {"value": None, "reason": "a class has no test image"}
    del metrics["confusion"], metrics["temperature"], metrics["views"]["tta"]
    files.write_json(folder / "evaluation/metrics.json", metrics)
    page = Page(tree.build(tmp_path / "out"))
    assert "a class has no test image" in page.text
    assert "not recorded" in page.text
    assert "Augmentation" in page.text


@pytest.mark.parametrize(
    ("options", "absent"),
    [
        ({"classifiers": ()}, {"augment", "classify"}),
        ({"classifiers": [("none", "mlp")], "tta": False}, {"augment"}),
        ({"generators": ()}, {"generate"}),
        ({"detectors": ()}, {"detect"}),
        ({"classifiers": (), "detectors": ()}, {"augment", "classify", "detect"}),
        ({"classifiers": (), "generators": (), "detectors": ()}, {"augment", "classify", "generate", "detect"}),
    ],
)
def test_sections_without_content_are_absent(
    plant: Plant, tmp_path: Path, options: dict[str, Any], absent: set[str]
) -> None:
    page = Page(plant(**options).build(tmp_path / "out"))
    assert page.ids() == {"answer", "data", "augment", "classify", "generate", "detect", "made"} - absent
    assert page.text


def test_a_run_without_any_result_still_has_a_page(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), detectors=())
    more = {
        "classifiers": [ClassifierEntry(policy="none", model="mlp", **seed("classify/none/mlp"))],
        "detectors": [DetectorEntry(task="normal-0", normal=("0",), detector="pca", **seed("detect/normal-0/pca"))],
        "policies": [ResultEntry(name="gone", folder="augment/gone")],
    }
    tree = type(tree)(tree.spec.model_copy(update=more), tree.data, tree.results)
    assert "5 results are missing" in Page(tree.build(tmp_path / "out")).text


def test_unprepared_data_is_an_error(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), detectors=())
    shutil.rmtree(tree.data)
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        tree.build(tmp_path / "out")
    assert not (tmp_path / "out").exists()
