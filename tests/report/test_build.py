"""The page: what it says, that it is self-contained, and that nothing on it can run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.page import NASTY, Page, findings, table_of

from darkroom import files
from darkroom.report import build
from darkroom.report import page as filling
from darkroom.report.section import Answer, Section
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

Plant = Callable[..., Any]


def test_the_page_is_self_contained(plant: Plant, tmp_path: Path) -> None:
    text = plant().build(tmp_path / "out")
    page = Page(text)
    assert not page.open, "every element is closed"
    assert page.ids() == {"answer", "data", "augment", "classify", "generate", "detect", "made"}
    assert all((image["src"] or "").startswith("data:image/") and image["alt"] for image in page.tags("img"))
    assert len(page.tags("img")) >= 20
    links = [a["href"] for tag in ("a", "link") for a in page.tags(tag)]
    assert all(link == "data:," or (link or "").startswith("#") for link in links)
    assert {(link or "")[1:] for link in links if link != "data:,"} <= page.ids()
    assert not page.tags("script")
    assert "url(" not in text
    assert "@import" not in text
    policy = next(m["content"] for m in page.tags("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not [a for _, a in page.elements if "style" in a], "the policy forbids style attributes"
    assert len(text.encode()) < 5_000_000
    assert list(files.read_manifest(tmp_path / "out")) == ["index.html"]


def test_the_same_inputs_give_the_same_bytes(plant: Plant, tmp_path: Path) -> None:
    tree = plant(seeds=(0, 1))
    first = tree.build(tmp_path / "a")
    moved = tmp_path / "moved"
    shutil.copytree(tree.results, moved / "results")
    shutil.copytree(tree.data, moved / "data")
    elsewhere = type(tree)(tree.spec, moved / "data", moved / "results")
    assert elsewhere.build(tmp_path / "b") == first
    assert str(tmp_path) not in first


def test_names_are_inert(plant: Plant, tmp_path: Path) -> None:
    text = plant(classes=NASTY, warnings=[f"class {NASTY[0]} has 3 images"]).build(tmp_path / "out")
    page = Page(text)
    assert not page.tags("script")
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    assert all((image["src"] or "").startswith("data:image/") for image in page.tags("img"))
    for name in NASTY:
        assert " ".join(name.split()) in page.text


def test_the_answer_is_computed(plant: Plant, tmp_path: Path) -> None:
    found = findings(plant().build(tmp_path / "out"))
    assert found["Network"][0].startswith(
        "clear difference: With standard, resnet is more accurate than mlp: accuracy +3.6 "
    )
    assert found["Augmentation"] == [
        "helped: standard changes the accuracy of resnet by +1.8 points (+0.6 to +3.2), compared with no augmentation.",
        "helped: standard changes the accuracy of mlp by +3.4 points (+1.6 to +5.2), compared with no augmentation.",
    ]
    assert found["TTA"][0].startswith("no clear difference: For resnet with standard, TTA fixes 3 wrong answers")
    assert found["Calibration"][0].startswith("helped: Temperature scaling changes the NLL by")
    assert "of the normal test images" in found["Anomalies"][0]
    assert found["Generation"][0].startswith(
        "measured: vae comes closest to the test images: FID (judge features) 0.3 (real images"
    )


def test_test_time_augmentation_shows_its_cost_and_the_answers_it_changed(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    text = tree.build(tmp_path / "out")
    page = Page(text)
    assert (
        "sees each test image 5 times: unchanged, and with shift (4 views). The probabilities are combined by their mean."
        in page.text
    )
    rows = {row[0]: row[1:] for row in table_of(text, "Test-time augmentation: gain and cost")}
    assert len(rows) == 4
    gain, fixed, broken, plain, tta, times = rows["resnet + standard"][2:]
    assert gain.startswith("+0.4 ")
    assert (fixed, broken, plain, tta, times) == ("3", "1", "0.31", "1.62", "× 5.23")
    listed = table_of(text, "Images that test-time augmentation fixed and broke")
    assert [row[0].split()[-1] for row in listed] == ["fixed"] * 3 + ["broken"]
    assert listed[0][2].endswith("confidence 51.2%")
    assert "Learned weights" not in page.text
    assert "at 1.62 ms per image instead of 0.31." in findings(text)["TTA"][0]
    assert "Test-time augmentation" not in Page(plant(tta=False).build(tmp_path / "without")).text


def test_learned_weights_are_shown_in_the_order_of_the_views(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=[("none", "mlp")], seeds=(0, 1))
    for number, share in ((0, 0.6), (1, 0.8)):
        path = tree.results / f"classify/none/mlp/seed-{number}/evaluation/metrics.json"
        metrics = files.read_json(path)
        looks = metrics["tta"]["looks"]
        weights = dict(zip(looks, [share, *[(1 - share) / 4] * 4], strict=True))
        metrics["tta"] |= {"merge": "learned", "weights": weights, "note": "as <noted>"}
        files.write_json(path, metrics)
    text = tree.build(tmp_path / "out")
    rows = table_of(text, "Learned weights of the views")
    assert rows == [["plain", "70.0"], *([f"shift: {way}", "7.5"] for way in ("right", "left", "down", "up"))]
    assert "with weights learned on the validation images; as <noted>." in Page(text).text


def test_equal_classifiers_show_no_clear_difference_and_an_interval_with_a_width(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=[("none", "resnet"), ("standard", "resnet")])
    evaluated = [tree.results / f"classify/{policy}/resnet/seed-0/evaluation" for policy in ("none", "standard")]
    shutil.rmtree(evaluated[1])
    shutil.copytree(*evaluated)
    (sentence,) = findings(tree.build(tmp_path / "out"))["Augmentation"]
    assert sentence.startswith("no clear difference: ")
    assert "0.0 points (−0.6 to +0.6)" in sentence


def test_the_best_is_chosen_by_validation_not_by_the_test(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    path = tree.results / "classify/none/mlp/seed-0/model/history.csv"
    pd.read_csv(path).assign(val_accuracy=0.9999).to_csv(path, index=False)
    text = tree.build(tmp_path / "out")
    assert "<h1><b>mlp</b> without augmentation classifies" in text
    assert "is less accurate than" in findings(text)["Network"][0]


def test_without_validation_the_choice_is_called_optimistic(plant: Plant, tmp_path: Path) -> None:
    assert "optimistic" in Page(plant(validation=False, detectors=()).build(tmp_path / "out")).text


def test_several_seeds_are_averaged_and_the_page_says_so(plant: Plant, tmp_path: Path) -> None:
    page = Page(plant(seeds=(0, 1, 2)).build(tmp_path / "out"))
    assert "means over 3 seeds" in page.text
    assert "t-interval" in page.text


def test_classes_keep_the_order_of_the_data_set(plant: Plant, tmp_path: Path) -> None:
    classes = tuple(str(k) for k in range(12))  # as text, 10 and 11 sort before 2
    text = plant(classes=classes, generators=(), detectors=()).build(tmp_path / "out")
    table = text[text.index("Per-class results") :]
    rows = re.findall(r'<th scope="row">(\d+)', table[: table.index("</table>")])
    assert rows == list(classes)


def test_the_settings_are_shown_as_they_were(plant: Plant, tmp_path: Path) -> None:
    text = plant().build(tmp_path / "out")
    assert '<pre tabindex="0">standard:\n  copies: 8</pre>' in text
    assert "Settings: <code>classify</code>" in text


def test_weak_classes_are_marked(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    path = tree.results / "classify/standard/resnet/seed-0/evaluation/metrics.json"
    metrics = files.read_json(path)
    metrics["per_class"]["plain"]["8"]["f1"] = {"value": 0.7, "low": 0.6, "high": 0.8}
    files.write_json(path, metrics)
    text = tree.build(tmp_path / "out")
    assert text.count('<span class="badge weak">weak</span>') == 2  # the row and the explanation
    assert findings(text)["Classes"][0].startswith("some are weak: 1 class lies clearly below the mean F1: 8.")


def test_detectors_that_cannot_be_ranked_are_not_recommended(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=())
    why = {"value": None, "reason": "the test split has no anomalous image"}
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        metrics["image"] |= dict.fromkeys(("auroc", "average_precision", "fpr95", "detection_rate", "f1"), why)
        files.write_json(path, metrics)
    text = tree.build(tmp_path / "out")
    found = findings(text)["Anomalies"][0]
    assert "No detector can be recommended: the test split has no anomalous image." in found
    assert "of the normal test images." in found
    assert "Use <b>" not in text
    assert "separates" not in text


def test_the_page_says_what_pixel_metrics_exclude(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        score = {"value": 0.9, "low": 0.8, "high": 1.0}
        metrics |= {"pixel": {"auroc": score, "average_precision": score}, "pixel_left_out": 9}
        files.write_json(path, metrics)
    assert "Pixel metrics exclude 9 anomalous test images" in tree.build(tmp_path / "out")


def test_maps_have_their_own_table_and_a_detector_without_maps_says_so(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    paths = sorted(tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"))
    for path in paths:
        metrics = files.read_json(path)
        score = {"value": 0.9, "low": 0.8, "high": 1.0}
        metrics["pixel"] = dict.fromkeys(("auroc", "average_precision", "aupro", "best_iou"), score)
        files.write_json(path, metrics)
    assert "Locating anomalies" in (whole := tree.build(tmp_path / "whole"))
    assert "the detector makes no maps" not in whole
    files.write_json(paths[0], metrics | {"pixel": {"value": None, "reason": "the detector makes no maps"}})
    assert tree.build(tmp_path / "part").count("the detector makes no maps") == 4


ONES = r"\b1 (?:[a-z-]+ ){0,3}?(?:images|classes|seeds|jobs|results|samples|groups|detectors|classifiers|ones|bytes|duplicates)\b"


def test_counts_of_one_are_singular(plant: Plant, tmp_path: Path) -> None:
    tree = plant(
        classes=("a", "b"), classifiers=[("none", "mlp"), ("standard", "mlp")], detectors=("pca",), train=[1, 9]
    )
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        counts = {"n_normal": 1, "n_anomalous": 1, "pixel_left_out": 1, "pixel": {"auroc": 1.0}}
        files.write_json(path, files.read_json(path) | counts)
    for path in tree.results.glob("generate/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        metrics["judge"] |= {"samples": 1, "against": 1}
        files.write_json(path, metrics | {"items": 1})
    card = files.read_json(tree.data / "card.json") | {"images": 1, "duplicates": 1, "masks": 1, "unlabeled": 1}
    files.write_json(tree.data / "card.json", card)
    (tree.results / "augment/standard" / files.MANIFEST).unlink()
    text = Page(tree.build(tmp_path / "out")).text
    assert "1 result is missing" in text
    assert "1 normal test image and 1 anomalous one" in text
    assert re.findall(ONES, text) == []


def test_a_section_is_a_module_a_template_and_its_name_in_build(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(filling.TEMPLATES, templates)
    (templates / "extra.html").write_text("<h2>Extra</h2><p>{{ content | plural('class') }}</p>")
    added = Section(
        key="extra",
        title="More",
        read=lambda results: len(results.classifiers),
        answer=lambda found: Answer(findings=[Finding("Extra", "new", "note", say("{} more", found))]),
    )
    monkeypatch.setattr(filling, "TEMPLATES", templates)
    monkeypatch.setattr(build, "SECTIONS", (*build.SECTIONS, added))
    text = plant().build(tmp_path / "out")
    assert '<a href="#extra">More</a>' in text
    assert "4 classes" in text[text.index('<section id="extra">') :]
    assert findings(text)["Extra"] == ["new: 4 more"]


def test_every_section_has_a_template_and_a_key_of_its_own() -> None:
    keys = [section.key for section in build.SECTIONS]
    assert len(set(keys)) == len(keys)
    pages = {"page", "answer", "gallery", "macros", "curves", "why", "one_class", "labels", "numbers"}
    assert {path.stem for path in filling.TEMPLATES.glob("*.html")} == {*keys, *pages}


def test_the_report_imports_no_model_code() -> None:
    listed = "import json, sys, darkroom.report.build; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", listed], capture_output=True, check=True).stdout))
    assert not {"torch", "matplotlib", "sklearn", "mlflow", "pytorch_lightning"} & loaded
    stages = {name for name in loaded if name.startswith("darkroom.") and not name.startswith("darkroom.report")}
    measured = ("bootstrap", "intervals", "negation", "ranking", "resampled", "seeds")
    measure = {"darkroom.measure", *(f"darkroom.measure.{name}" for name in measured)}
    assert stages <= {"darkroom.files", "darkroom.log", "darkroom.settings", *measure}
