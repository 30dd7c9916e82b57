"""Detectors told apart by the size of their code or by what was mixed into their training images."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.report.intervals import Number
from darkroom.report.parts.curves import BOTTOM, LEFT, RIGHT, TOP, curves
from darkroom.report.results import Results
from darkroom.report.sections import codes, contamination

Plant = Callable[..., Any]
SWEEP = ("pca_2", "pca_8", "pca_32", "autoencoder_2", "autoencoder_8", "mahalanobis_2", "mahalanobis_8")


def results(tree: Any) -> Results:
    return tree.read()


def test_families_differ_in_their_code_alone(plant: Plant) -> None:
    tree = plant(detectors=SWEEP, classifiers=(), generators=())
    found = codes.families(results(tree), "normal-0")
    assert {name: list(family) for name, family in found.items()} == {"pca": [2, 8, 32], "autoencoder": [2, 8]}
    longer = {"autoencoder_8": {**tree.spec.config["detect"]["detectors"]["autoencoder_8"], "training": {"epochs": 9}}}
    settings = {**tree.spec.config["detect"]["detectors"], **longer}
    spec = tree.spec.model_copy(update={"config": {"detect": {"detectors": settings}}})
    assert list(codes.families(results(type(tree)(spec, tree.data, tree.results)), "normal-0")) == ["pca"]


def test_the_page_has_curves_a_table_and_the_same_images(plant: Plant, tmp_path: Path) -> None:
    text = plant(detectors=SWEEP, classifiers=(), generators=()).build(tmp_path / "out")
    part = text[text.index('<section id="codes">') :].split("</section>")[0]
    assert part.count('<svg class="plot"') == 2
    assert part.count('<path class="line" d="M') == 2 * 2 + 2 * 2  # of lines, and of their keys
    head, body = part.split("<thead>")[1].split("<tbody>")[:2]
    assert re.findall(r">(\d+ \(\d+ bytes\))<", head) == ["2 (8 bytes)", "8 (32 bytes)", "32 (128 bytes)"]
    assert re.findall(r'<th scope="row">(\w+)', body) == ["pca", "autoencoder"]
    assert part.count("<tbody>") == 3
    assert part.count("<img") == (1 + 2) + (1 + 2) + (1 + 1)
    assert "Lowest error of normal test images: pca at 2, 8 and 32." in part
    assert "mahalanobis" not in part


@pytest.mark.parametrize(
    "detectors", [("pca", "autoencoder"), ("pca_2", "autoencoder_8"), ("mahalanobis_2", "mahalanobis_8")]
)
def test_without_a_sweep_there_is_no_section(detectors: tuple[str, ...], plant: Plant, tmp_path: Path) -> None:
    text = plant(detectors=detectors, classifiers=(), generators=()).build(tmp_path / "out")
    assert 'id="codes"' not in text
    assert 'id="contamination"' not in text


def test_contaminated_tasks_say_so_and_stand_beside_the_clean_one(plant: Plant, tmp_path: Path) -> None:
    tree = plant(contamination=(0.0, 0.05, 0.3), classifiers=(), generators=())
    (mixture,) = contamination.section(results(tree))
    assert mixture.table.columns == [
        "0\N{NARROW NO-BREAK SPACE}%",
        "5\N{NARROW NO-BREAK SPACE}%",
        "30\N{NARROW NO-BREAK SPACE}%",
    ]
    assert [row.title for row in mixture.table.rows] == ["pca", "autoencoder"]
    clean, _, worst = (float(cell.main) for cell in mixture.table.rows[0].cells)
    assert clean > worst
    text = tree.build(tmp_path / "out")
    assert text.count("of the images that these detectors were fitted on are anomalous") == 2
    assert "Each detector was fitted on training images that were given as normal" in text
    assert "Normal: 0 and 5\N{NARROW NO-BREAK SPACE}% of anomalies" in text


def test_results_without_an_error_are_left_out(plant: Plant, tmp_path: Path) -> None:
    tree = plant(detectors=SWEEP[:3], classifiers=(), generators=())
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        del metrics["reconstruction"]
        files.write_json(path, metrics)
    assert 'id="codes"' not in tree.build(tmp_path / "out")


@pytest.mark.parametrize("log", [False, True])
def test_curves_stay_within_their_axes_and_rise_with_their_numbers(log: bool) -> None:
    rows = {x: Number(0.5 / x, 0.4 / x, 0.6 / x) for x in (2.0, 8.0, 64.0)}
    found = {"a": rows, "b": {2.0: Number(0.1), 8.0: Number(reason="lost"), 64.0: Number(0.2, 0.0, 0.3)}, "c": {}}
    drawn = curves("error", "size", found, {x: f"{x:g}" for x in rows}, log_x=log, log_y=log)
    points = [point for line in drawn.lines for point in line.points]
    assert all(LEFT <= p.x <= RIGHT and TOP <= p.y <= BOTTOM for p in points)
    assert all(p.high <= p.y <= p.low for p in points if p.low is not None and p.high is not None)
    assert [p.y for p in drawn.lines[0].points] == sorted(p.y for p in drawn.lines[0].points)
    assert [len(line.points) for line in drawn.lines] == [3, 2, 0]
    assert all(TOP <= place <= BOTTOM for place, _ in drawn.y_ticks)
    assert len(drawn.y_ticks) >= 2


def test_many_lines_stay_within_the_axes() -> None:
    drawn = curves(
        "AUROC", "share", {str(k): {0.0: Number(0.9), 1.0: Number(0.8)} for k in range(20)}, {0.0: "", 1.0: ""}
    )
    assert all(LEFT <= point.x <= RIGHT for line in drawn.lines for point in line.points)


def test_equal_numbers_have_a_curve_too() -> None:
    drawn = curves("AUROC", "share", {"a": {0.0: Number(1.0), 0.1: Number(1.0)}}, {0.0: "0", 0.1: "10"})
    assert len({p.y for p in drawn.lines[0].points}) == 1
