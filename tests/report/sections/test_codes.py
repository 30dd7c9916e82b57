"""Detectors that differ in their code size, or in the contamination of their training images."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.report.results import Results
from darkroom.report.sections import codes, contamination

Plant = Callable[..., Any]
SWEEP = ("pca_2", "pca_8", "pca_32", "autoencoder_2", "autoencoder_8", "mahalanobis_2", "mahalanobis_8")


def results(tree: Any) -> Results:
    return tree.read()


def test_families_differ_in_code_size_only(plant: Plant) -> None:
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
    assert "Lowest error on normal test images: pca at 2, 8 and 32." in part
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
    (mixture,) = contamination.read(results(tree))
    assert mixture.table.columns == [
        "0%",
        "5%",
        "30%",
    ]
    assert [row.title for row in mixture.table.rows] == ["pca", "autoencoder"]
    clean, _, worst = (float(cell.main) for cell in mixture.table.rows[0].cells)
    assert clean > worst
    text = tree.build(tmp_path / "out")
    assert text.count("of the images that these detectors were fitted on are anomalous") == 2
    assert "Each detector was fitted on training images that passed as normal" in text
    assert "Normal: 0 with 5% anomalies" in text


def test_results_without_an_error_are_left_out(plant: Plant, tmp_path: Path) -> None:
    tree = plant(detectors=SWEEP[:3], classifiers=(), generators=())
    for path in tree.results.glob("detect/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        del metrics["reconstruction"]
        files.write_json(path, metrics)
    assert 'id="codes"' not in tree.build(tmp_path / "out")
