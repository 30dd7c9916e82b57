"""The page: what it says, that it is whole by itself, and that nothing on it can run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.conftest import seed

from darkroom import files
from darkroom.report.config import ClassifierEntry, DetectorEntry, ResultEntry

Plant = Callable[..., Any]
NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a\nb'c & d", "日本 ünï 🎞", "{{ 7*7 }}")


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and whether every element is closed."""

    VOID = {"meta", "link", "img", "br", "hr"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def ids(self) -> set[str | None]:
        return {attributes["id"] for tag, attributes in self.elements if tag in ("section", "header")}


def findings(page: str) -> dict[str, list[str]]:
    """The answer's sentences by topic, each with its verdict first."""
    found: dict[str, list[str]] = {}
    pattern = (
        r'<span class="topic">(.*?)</span><span class="verdict \w+">(.*?)</span><span class="words">(.*?)</span></li>'
    )
    for topic, verdict, words in re.findall(pattern, page):
        found.setdefault(topic, []).append(f"{verdict}: {re.sub('<.*?>', '', words)}")
    return found


def test_the_page_is_whole_by_itself(plant: Plant, tmp_path: Path) -> None:
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
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
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
    assert found["Network"][0].startswith("clear difference: resnet with standard is more accurate than mlp")
    assert found["Augmentation"] == [
        "helped: standard helped resnet: +1.8 points (+0.8 to +3.0) of accuracy.",
        "helped: standard helped mlp: +3.4 points (+1.8 to +5.2) of accuracy.",
    ]
    assert found["TTA"][0].startswith("no clear difference: For resnet with standard, TTA turned 3 wrong answers right")
    assert found["Calibration"][0].startswith("helped: Temperature scaling cut the ECE")
    assert "of the normal test images" in found["Anomalies"][0]
    assert found["Generation"][0].startswith("measured: vae comes nearest to the test images: FID 0.3 where real")


def table_of(page: str, label: str) -> list[list[str]]:
    """The body of a table as text, row by row."""
    body = page[page.index(f'aria-label="{label}"') :].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [
        [" ".join(re.sub("<.*?>", " ", found).split()) for found in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def test_test_time_augmentation_is_told_with_its_cost_and_what_it_turned(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    text = tree.build(tmp_path / "out")
    page = Page(text)
    assert (
        "looked at 5 times: as it is, and by shift (4 looks). The probabilities are merged by their mean." in page.text
    )
    rows = {row[0]: row[1:] for row in table_of(text, "Test-time augmentation: gain and cost")}
    assert len(rows) == 4
    gain, fixed, broken, plain, tta, times = rows["resnet + standard"][2:]
    assert gain.startswith("+0.4 ")
    assert (fixed, broken, plain, tta, times) == ("3", "1", "0.31", "1.62", "× 5.23")
    listed = table_of(text, "Images that test-time augmentation fixed and broke")
    assert [row[0].split()[-1] for row in listed] == ["fixed"] * 3 + ["broken"]
    assert listed[0][2].endswith("51.2 % sure")
    assert "Learned weights" not in page.text
    assert "for 1.62 ms an image instead of 0.31." in findings(text)["TTA"][0]
    assert "Test-time augmentation" not in Page(plant(tta=False).build(tmp_path / "without")).text


def test_learned_weights_are_shown_in_the_order_of_the_looks(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=[("none", "mlp")], seeds=(0, 1))
    for number, share in ((0, 0.6), (1, 0.8)):
        path = tree.results / f"classify/none/mlp/seed-{number}/evaluation/metrics.json"
        metrics = files.read_json(path)
        looks = metrics["tta"]["looks"]
        weights = dict(zip(looks, [share, *[(1 - share) / 4] * 4], strict=True))
        metrics["tta"] |= {"merge": "learned", "weights": weights, "note": "so <it> is said"}
        files.write_json(path, metrics)
    text = tree.build(tmp_path / "out")
    rows = table_of(text, "Learned weights of the looks")
    assert rows == [["plain", "70.0"], *([f"shift: {way}", "7.5"] for way in ("right", "left", "down", "up"))]
    assert "the weights learned on the validation images; so <it> is said." in Page(text).text


def test_equal_classifiers_are_not_told_apart(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=[("none", "resnet"), ("standard", "resnet")])
    evaluated = [tree.results / f"classify/{policy}/resnet/seed-0/evaluation" for policy in ("none", "standard")]
    shutil.rmtree(evaluated[1])
    shutil.copytree(*evaluated)
    (sentence,) = findings(tree.build(tmp_path / "out"))["Augmentation"]
    assert sentence.startswith("no clear difference: ")
    assert "0.0 points (0.0 to 0.0)" in sentence


def test_overlapping_intervals_are_no_clear_difference(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    path = tree.results / "classify/standard/resnet/seed-0/evaluation/metrics.json"
    metrics = files.read_json(path)
    metrics["views"]["plain"]["calibrated"]["ece"] = {"value": 0.02, "low": 0.01, "high": 0.03}
    files.write_json(path, metrics)
    assert findings(tree.build(tmp_path / "out"))["Calibration"][0].startswith("no clear difference: ")


def test_the_best_is_chosen_by_validation_not_by_the_test(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    path = tree.results / "classify/none/mlp/seed-0/model/history.csv"
    pd.read_csv(path).assign(val_accuracy=0.9999).to_csv(path, index=False)
    text = tree.build(tmp_path / "out")
    assert "<h1><b>mlp</b> without augmentation is right on" in text
    assert "is less accurate than" in findings(text)["Network"][0]


def test_without_validation_the_choice_is_called_optimistic(plant: Plant, tmp_path: Path) -> None:
    assert "optimistic" in Page(plant(validation=False, detectors=()).build(tmp_path / "out")).text


def test_several_seeds_are_joined_and_said_to_be(plant: Plant, tmp_path: Path) -> None:
    page = Page(plant(seeds=(0, 1, 2)).build(tmp_path / "out"))
    assert "means over 3 seeds" in page.text
    assert "t-interval" in page.text


@pytest.mark.parametrize("gone", ["evaluation", "model"])
def test_what_is_missing_is_listed(plant: Plant, tmp_path: Path, gone: str) -> None:
    tree = plant()
    lost = [f"classify/none/mlp/seed-0/{gone}", f"detect/normal-0/pca/seed-0/{gone}", f"generate/vae/seed-0/{gone}"]
    for path in lost:
        (tree.results / path / files.MANIFEST).unlink()
    page = Page(tree.build(tmp_path / "out"))
    assert "3 results are missing" in page.text
    assert all(f"results/mnist/{path}" in page.text for path in lost)
    assert page.ids() == {"answer", "data", "augment", "classify", "detect", "made"}
    assert "mlp + none" not in page.text


def test_what_failed_and_what_waited_for_it_are_told_and_not_shown(plant: Plant, tmp_path: Path) -> None:
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
    assert "2 jobs failed: this page is made from what is there" in page.text
    assert f"{broken} : darkroom classify train: {NASTY[0]}" in page.text.replace(f"{broken}:", f"{broken} :")
    assert NASTY[0] not in text
    assert "log: logs/train.log" in page.text
    assert f"missing without it: {waiting}" in page.text
    assert "generate/judge: ended without a word" in page.text
    assert f"missing without it: {', '.join(drawn)}" in page.text
    assert "mlp + none" not in page.text, "an older result in their folders is not of this run"
    assert page.ids() == {"answer", "data", "augment", "classify", "detect", "made"}
    assert "not run, or not finished" not in page.text
    assert not (tmp_path / "out" / files.MANIFEST).exists(), "nobody takes it for a whole result"
    tree.build(tmp_path / "out")
    assert list(files.read_manifest(tmp_path / "out")) == ["index.html"]


def test_missing_files_and_keys_leave_their_reason(plant: Plant, tmp_path: Path) -> None:
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


def test_detectors_that_cannot_be_ranked_are_not_said_to_be(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=())
    why = {"value": None, "reason": "the test split has no anomalous image"}
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        metrics["image"] |= dict.fromkeys(("auroc", "average_precision", "fpr95", "detection_rate", "f1"), why)
        files.write_json(path, metrics)
    text = tree.build(tmp_path / "out")
    found = findings(text)["Anomalies"][0]
    assert "no detector can be ranked: the test split has no anomalous image." in found
    assert "of the normal test images." in found
    assert "ranks best" not in text
    assert "tells anomalies apart" not in text


def test_what_pixel_metrics_leave_out_is_told(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        score = {"value": 0.9, "low": 0.8, "high": 1.0}
        metrics |= {"pixel": {"auroc": score, "average_precision": score}, "pixel_left_out": 9}
        files.write_json(path, metrics)
    assert "Pixel metrics leave out 9 of the anomalous test images" in tree.build(tmp_path / "out")


def test_maps_have_a_table_of_their_own_and_a_detector_without_any_says_so(plant: Plant, tmp_path: Path) -> None:
    tree = plant()
    paths = sorted(tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"))
    for path in paths:
        metrics = files.read_json(path)
        score = {"value": 0.9, "low": 0.8, "high": 1.0}
        metrics["pixel"] = dict.fromkeys(("auroc", "average_precision", "aupro", "best_iou"), score)
        files.write_json(path, metrics)
    assert "Where the anomalies are" in (whole := tree.build(tmp_path / "whole"))
    assert "the detector makes no maps" not in whole
    files.write_json(paths[0], metrics | {"pixel": {"value": None, "reason": "the detector makes no maps"}})
    assert tree.build(tmp_path / "part").count("the detector makes no maps") == 4


def test_a_run_that_is_all_missing_still_has_a_page(plant: Plant, tmp_path: Path) -> None:
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


def test_the_report_imports_no_model_code() -> None:
    listed = "import json, sys, darkroom.report.build; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", listed], capture_output=True, check=True).stdout))
    assert not {"torch", "matplotlib", "sklearn", "mlflow", "pytorch_lightning"} & loaded
    stages = {name for name in loaded if name.startswith("darkroom.") and not name.startswith("darkroom.report")}
    assert stages <= {"darkroom.files", "darkroom.log", "darkroom.settings"}
