"""The detectors on the page: their tables, which one to use, where they err, and the page's size."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.page import Page, findings, table_of
from tests.report.written import write_examples

from darkroom import files
from darkroom.measure.intervals import Difference, Number
from darkroom.report.sections.detect.choice import Candidate, choose, milliseconds

Plant = Callable[..., Any]


@pytest.fixture
def tree(plant: Plant) -> Any:
    """Plant two detectors of one task, and nothing else."""
    return plant(classifiers=(), generators=())


def change(tree: Any, edit: Callable[[dict[str, Any]], Any], pattern: str = "*/*") -> None:
    for path in tree.results.glob(f"detect/{pattern}/seed-*/evaluation/metrics.json"):
        metrics = files.read_json(path)
        edit(metrics)
        files.write_json(path, metrics)


def candidate(title: str, auroc: float, behind: Difference | None = None, ms: float | None = 10.0) -> Candidate:
    return Candidate(title, Number(auroc, auroc - 0.02, auroc + 0.02), behind, Number(ms, reason="not recorded"))


CLOSE, FAR = Difference(0.01, -0.01, 0.03), Difference(0.2, 0.1, 0.3)


@pytest.mark.parametrize(
    ("others", "used", "words"),
    [
        ([], "a", "is the only detector"),
        (
            [candidate("b", 0.7, FAR, 0.1)],
            "a",
            "is clearly the highest; next is b, +0.200 (+0.100 to +0.300) behind",
        ),
        ([candidate("b", 0.89, CLOSE, 0.1), candidate("c", 0.7, FAR, 0.01)], "b", "0.1 ms per image instead of 10"),
        (
            [candidate("b", 0.89, CLOSE, 9.5)],
            "a",
            "b is not clearly behind, but would save too little time: 9.5 ms per image instead of 10.",
        ),
        ([candidate("b", 0.89, CLOSE, 12)], "a", "not clearly behind"),
        ([candidate("b", 0.89, CLOSE, None)], "a", "not clearly behind"),
        (
            [candidate("b", 0.88, None, 0.1)],
            "b",
            "is not clearly below the highest, 0.900 (0.880\N{EN DASH}0.920) of a, and",
        ),
        ([candidate("b", 0.7, None, 0.1)], "a", "is clearly the highest; next is b."),
    ],
)
def test_a_much_faster_detector_that_is_not_clearly_worse_is_preferred(
    others: list[Candidate], used: str, words: str
) -> None:
    found = choose([candidate("a", 0.9), *others])
    assert found.title == used
    assert words in re.sub("<.*?>", "", found.words)


def test_a_little_less_time_on_a_busy_machine_decides_nothing() -> None:
    found = choose([candidate("padim", 0.93, ms=78.6), candidate("both", 0.929, CLOSE, 74.0)])
    assert found.title == "padim"


def test_a_composite_takes_at_least_as_long_as_its_slowest_member(tree: Any) -> None:
    plugins = {"pca": {"name": "pca", "components": 8}, "autoencoder": {"name": "autoencoder", "latent": 8}}
    plugins["autoencoder"] = {"name": "average", "of": [plugins["pca"], {"name": "padim"}]}
    for (name, plugin), ms in zip(plugins.items(), (78.6, 20.0), strict=True):
        folder = tree.results / f"detect/normal-0/{name}/seed-0"
        files.write_json(folder / "model/model.json", files.read_json(folder / "model/model.json") | {"plugin": plugin})
        files.write_json(folder / "evaluation" / files.TIMING, {"ms_per_image": ms})
    found = tree.read().detectors
    assert {d.title: milliseconds(d, found).value for d in found} == {"pca": 78.6, "autoencoder": 78.6}


def test_the_page_names_one_detector_everywhere(tree: Any, tmp_path: Path) -> None:
    for name, ms in (("pca", 50.0), ("autoencoder", 1.0)):
        files.write_json(tree.results / f"detect/normal-0/{name}/seed-0/evaluation/timing.json", {"ms_per_image": ms})
    text = tree.build(tmp_path / "out")
    page = Page(text)
    assert "<b>autoencoder</b> separates" in text[: text.index("</h1>")]
    assert page.text.count("Use autoencoder: its AUROC") == 2, "in the answer and in the section"
    assert "Use pca" not in page.text
    assert "Where autoencoder errs" in page.text
    assert "autoencoder, normal: 0" in page.text, "on the tile"


def test_an_auroc_below_chance_is_called_out(tree: Any, tmp_path: Path) -> None:
    score = {"value": 0.453, "low": 0.41, "high": 0.49}
    change(tree, lambda m: m["image"].update(auroc=score), "*/autoencoder")
    found = findings(tree.build(tmp_path / "one"))["Anomalies"]
    assert "Normal is 0. Use pca" in found[0]
    assert found[1].startswith(
        "below chance: With 0 as normal, autoencoder scores normal images above anomalies: AUROC 0.453"
    )
    change(tree, lambda m: m["image"].update(auroc=score))
    text = tree.build(tmp_path / "both")
    assert text.count('<td class="bad">0.453') == 2, "in the table of each detector"
    page = Page(text)
    assert "Use pca" not in page.text
    assert "None of the detectors works here" in page.text


def test_without_an_auroc_no_detector_is_recommended() -> None:
    found = choose([Candidate("a", Number(reason="the test split has no normal image"), None, Number(1.0))])
    assert found.title is None
    assert "the test split has no normal image" in found.words


def test_a_detector_that_saw_labels_of_anomalies_is_left_aside(tree: Any, tmp_path: Path) -> None:
    change(tree, lambda m: m.update(labels_seen=["3", "4"]), "*/pca")
    page = Page(tree.build(tmp_path / "out"))
    assert "autoencoder is the only detector" in page.text
    assert "Not compared: 1 detector, which saw labels of anomalies." in page.text
    change(tree, lambda m: m.update(labels_seen=["3", "4"]), "*/autoencoder")
    page = Page(tree.build(tmp_path / "all"))
    assert "Use pca (saw labels of anomalies): its AUROC" in page.text
    assert "Not compared" not in page.text


def test_mixtures_do_not_count_as_choices_of_normal(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), normals=2, contamination=(0.0, 0.1))
    text = tree.build(tmp_path / "out")
    assert [row[0] for row in table_of(text, "AUROC by choice of normal")] == ["0", "1"]
    assert text.count('<details class="task">') == 4


def test_the_table_of_all_has_quality_and_cost(tree: Any, tmp_path: Path) -> None:
    text = tree.build(tmp_path / "out")
    rows = table_of(text, "Detectors: ranking and cost")
    assert [row[0] for row in rows] == ["pca", "autoencoder"]
    assert [row[4:] for row in rows] == [["21.4 s", "0.11", "2.5"]] * 2
    assert Page(text).text.count("Use pca: its AUROC, 0.99") == 2, "in the answer and in the section"


def test_the_page_compares_false_alarms_with_their_target(tree: Any, tmp_path: Path) -> None:
    page = Page(tree.build(tmp_path / "out"))
    assert "It aims at 5% false alarms and gives 6.0%" in page.text
    assert "the target lies in that interval" in page.text
    change(tree, lambda m: m["image"].update(false_alarm_rate={"value": 0.2, "low": 0.12, "high": 0.3}))
    text = tree.build(tmp_path / "more")
    assert "clearly more than the target" in text
    rows = table_of(text, "Detectors at their threshold")
    assert rows[0][2:4] == ["5.0", "20.0 12.0\N{EN DASH}30.0"]
    change(tree, lambda m: m.update(threshold_kind="best_f1", false_alarms_asked=None))
    text = tree.build(tmp_path / "none")
    assert "It aims at" not in text
    assert "best_f1 has no target" in table_of(text, "Detectors at their threshold")[0][2]


def test_a_threshold_by_recall_shows_its_target_and_the_false_alarms(tree: Any, tmp_path: Path) -> None:
    change(tree, lambda m: m.update(threshold_kind="recall", false_alarms_asked=None, recall_asked=0.9))
    rate = {"value": 0.25, "low": 0.2, "high": 0.3}
    change(tree, lambda m: m["image"].update(fpr_at_recall=rate))
    text = tree.build(tmp_path / "out")
    assert "It aims at finding 90% of the anomalies and flags" in Page(text).text
    (row, _) = table_of(text, "Detectors at their threshold")
    assert row[4] == "90.0"
    assert "FPR at 90% TPR" in text
    assert table_of(text, "Detectors: ranking and cost")[0][4] == "25.0 20.0\N{EN DASH}30.0"


def test_a_leak_between_splits_is_called_out_with_the_auroc_without_it(tree: Any, tmp_path: Path) -> None:
    auroc = {"value": 0.738, "low": 0.7, "high": 0.78}
    change(tree, lambda m: m.update(without_twins={"items": 1, "auroc": auroc}))
    text = tree.build(tmp_path / "out")
    leak = next(found for found in findings(text)["Anomalies"] if found.startswith("leak"))
    assert "1 test image has a near-duplicate in training; without them, the AUROC of pca is 0.738 (0.700" in leak
    assert "data.split.regroup: true" in leak
    assert table_of(text, "Detectors: ranking and cost")[0][2].startswith("0.738")


def test_every_class_of_anomalies_has_its_numbers_with_intervals(tree: Any, tmp_path: Path) -> None:
    text = tree.build(tmp_path / "out")
    for title in ("pca", "autoencoder"):
        rows = table_of(text, f"Classes of anomalies by {title}")
        assert [row[0] for row in rows] == [str(k) for k in range(1, 10)]
        assert all(all(re.search(r"\d\N{EN DASH}\d", found) for found in row[1:6]) for row in rows)
        assert rows[0][6] == "45 of 50"
    assert len(table_of(text, "AUROC by class")[0]) == 3


def test_images_are_cut_from_sheets_that_the_page_has(tree: Any, tmp_path: Path) -> None:
    page = Page(tree.build(tmp_path / "out"))
    sheets = {image["id"]: image for image in page.tags("image")}
    assert all((image["href"] or "").startswith("data:image/webp;base64,") for image in sheets.values())
    used = [(use["href"] or "")[1:] for use in page.tags("use")]
    assert set(used) == set(sheets)
    boxes = [svg["viewbox"] for svg in page.tags("svg") if svg.get("role") == "img"]
    assert len(boxes) == len(used) == 2 * (72 + 9 + 8 + 9 + 9 + 8), "two panels each; there are 8 normal images"
    for key, box in zip(used, boxes, strict=True):
        left, top, width, height = (float(number) for number in (box or "").split())
        assert 0 <= left <= left + width <= float(sheets[key]["width"] or 0)
        assert 0 <= top <= top + height <= float(sheets[key]["height"] or 0)


def test_the_list_is_ranked_with_its_verdicts_and_the_threshold_between(tree: Any, tmp_path: Path) -> None:
    text = tree.build(tmp_path / "out")
    listed = text[text.index('aria-label="Test images by score"') :].split("</ol>")[0]
    caption = (
        r"<p>(\d+)\. <b>(\w)</b> · ([\d.]+) · <span class=\"(\w+)\">(\w+), (\w+)</span></p><small>test/(\w)/\d+\.png"
    )
    found = re.findall(caption, listed)
    assert [int(rank) for rank, *_ in found] == list(range(1, 73))
    scores = [float(score) for _, _, score, *_ in found]
    assert scores == sorted(scores, reverse=True)
    for _, name, score, tone, verdict, right, folder in found:
        assert folder == name
        assert (verdict == "flagged") == (float(score) >= 1.5)
        assert (right == "right") == (tone == "right") == ((verdict == "flagged") == (name != "0"))
    assert listed.count('class="cut"') == 1
    before, after = listed.split('class="cut"')
    assert "passed" not in before
    assert "flagged, " not in after


def test_a_test_set_of_one_kind_says_what_it_lacks(tree: Any, tmp_path: Path) -> None:
    for path in tree.results.glob("detect/*/*/seed-*/evaluation"):
        frame = pd.read_parquet(path / "scores.parquet")
        write_examples(path, frame[~frame["anomalous"]].reset_index(drop=True), [str(k) for k in range(10)])
    why = {"value": None, "reason": "the test split has no anomalous image"}
    change(
        tree, lambda m: m["image"].update(dict.fromkeys(("auroc", "average_precision", "detection_rate", "f1"), why))
    )
    change(tree, lambda m: m.update(by_class={}))
    text = tree.build(tmp_path / "out")
    assert "There are no misses to show: the test split has no anomalous image." in text
    assert "No detector can be recommended: the test split has no anomalous image." in text
    assert "Which anomalies are found" not in text
    assert not re.search(r"\bnan\b", Page(text).text, re.IGNORECASE)


def test_several_choices_of_normal_have_their_means(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), normals=10)
    scores = np.linspace(0.9, 0.99, 10)
    for k, score in enumerate(scores):
        number = {"value": score, "low": score - 0.01, "high": score + 0.01}
        change(tree, lambda m, n=number: m["image"].update(auroc=n), f"normal-{k}/pca")
        worse = {name: value - 0.05 for name, value in number.items()}
        change(tree, lambda m, n=worse: m["image"].update(auroc=n), f"normal-{k}/autoencoder")
    text = tree.build(tmp_path / "out")
    means = {row[0]: row[1:] for row in table_of(text, "Detectors over all choices of normal")}
    half = 2.262 * scores.std(ddof=1) / np.sqrt(10)
    assert means["pca"][0] == f"0.945 {0.945 - half:.3f}\N{EN DASH}{0.945 + half:.3f}"
    assert means["pca"][1:3] == ["0.900", "0.990"]
    by_normal = table_of(text, "AUROC by choice of normal")
    assert [row[0] for row in by_normal] == [str(k) for k in range(10)]
    assert by_normal[3][1].startswith("0.930")
    (found,) = findings(text)["Anomalies"]
    assert found.startswith("measured: Means over 10 choices of normal. Use pca: its AUROC, 0.945")
    assert "pca does worst with 0 as normal: 0.900 (0.890\N{EN DASH}0.910)." in found
    page = Page(text)
    assert text.count('<details class="task">') == 10
    assert len([a for a in page.tags("svg") if a.get("role") == "img"]) <= 2 * (1000 + 10 * 2 * 9)


def test_a_choice_of_normal_without_an_auroc_is_left_out_of_the_means_and_named(plant: Plant, tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), normals=3)
    why = {"value": None, "reason": "the test split has no anomalous image"}
    change(tree, lambda m: m["image"].update(auroc=why), "normal-1/*")
    page = Page(tree.build(tmp_path / "out"))
    assert "Excluded, as they have no AUROC: 1." in page.text


@pytest.mark.thorough
def test_a_thousand_noisy_photographs_stay_below_15_megabytes(plant: Plant, tmp_path: Path) -> None:
    """224 pixels, grain of 25 of 255 gray levels, a map and a mask each."""
    tree = plant(classifiers=(), generators=(), detectors=("pca",))
    draws = np.random.default_rng(0)
    coarse = draws.integers(40, 200, (1000, 7, 7, 1), np.uint8).repeat(32, axis=1).repeat(32, axis=2)
    images = np.empty_like(coarse)
    for image, shape in zip(images, coarse, strict=True):
        image[:] = np.clip(shape + 25 * draws.standard_normal(shape.shape, np.float32), 0, 255)
    masks = np.zeros((1000, 224, 224), np.uint8)
    masks[:, 60:120, 80:160] = 255
    frame = pd.DataFrame({"id": np.arange(1000), "label": np.arange(1000) % 10, "score": draws.random(1000) * 3})
    frame = frame.assign(anomalous=frame["label"] > 0)
    (path,) = tree.results.glob("detect/*/*/seed-*/evaluation")
    write_examples(path, frame, [str(k) for k in range(10)], images, masks)
    text = tree.build(tmp_path / "out")
    assert text.count('aria-label="map"') == 1000 + 2 * 9
    assert 4_000_000 < len(text.encode()) < 15_000_000
