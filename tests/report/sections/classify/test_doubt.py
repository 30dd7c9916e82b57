"""When a classifier should not name one class, in words and tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.report.conftest import Tree

from darkroom import files
from darkroom.report.sections.classify import doubt

Plant = Callable[..., Tree]


def change(tree: Tree, alter: Callable[[dict[str, Any]], None]) -> None:
    for path in tree.results.glob("classify/*/*/seed-0/evaluation/metrics.json"):
        metrics = files.read_json(path)
        alter(metrics)
        files.write_json(path, metrics)


def words(tree: Tree) -> list[str]:
    best = tree.read().classifiers[0]
    return [f"{f.verdict}: {re.sub('<[^>]*>', '', f.words)}" for f in doubt.findings(best)]


def test_sets_and_a_confidence_are_said_in_a_sentence_each(plant: Plant) -> None:
    sets, answers = words(plant())
    assert sets.startswith(
        "as expected: Sets of classes that should contain the right one for 90% of images do so for 9"
    )
    assert "hold 1.04 (1.03–1.05) classes on average." in sets
    assert answers.startswith("errors below 5%: From a confidence of 0.831 on, mlp without augmentation answers 93.0%")


def test_too_little_coverage_and_too_many_errors_are_said(plant: Plant) -> None:
    tree, low = plant(), {"value": 0.8, "low": 0.75, "high": 0.85}

    def alter(metrics: dict[str, Any]) -> None:
        metrics["conformal"]["plain"]["coverage"] = low
        metrics["conformal"]["plain"]["per_class"]["3"] = low
        metrics["risk_coverage"]["plain"]["thresholds"]["0.05"]["errors"] = {"value": 0.1, "low": 0.08, "high": 0.12}

    change(tree, alter)
    sets, answers = words(tree)
    assert sets.startswith("cover too little")
    assert sets.endswith("not for each class: less is covered of 3.")
    assert answers.startswith("errors above 5%")
    content = doubt.subsection(tree.read().classifiers)
    assert content is not None
    assert content.uncovered == ["3"]


def test_reasons_take_the_place_of_missing_numbers(plant: Plant) -> None:
    tree = plant()
    missing = {"value": None, "reason": "8 labeled validation images; 90% coverage takes at least 9"}

    def alter(metrics: dict[str, Any]) -> None:
        metrics["conformal"]["plain"] = {"level": 0.9, "validation_images": 8, "coverage": missing, "size": missing}
        unknown = dict.fromkeys(("confidence", "coverage", "errors"), missing)
        metrics["risk_coverage"]["plain"]["thresholds"] = {"0.05": unknown, "0.01": unknown}

    change(tree, alter)
    assert words(tree) == []
    assert "90% coverage takes at least 9" in tree.build(tree.results / "report")


def test_results_of_an_earlier_version_have_no_such_part(plant: Plant) -> None:
    tree = plant()
    change(tree, lambda metrics: (metrics.pop("conformal"), metrics.pop("risk_coverage"))[0])
    assert words(tree) == []
    assert doubt.subsection(tree.read().classifiers) is None
    assert "I don" not in tree.build(tree.results / "report")


def test_images_unlike_the_training_are_said_of_the_best(plant: Plant) -> None:
    tree = plant()
    flagged = {"expected": 0.05, "flagged": {"value": 0.04, "low": 0.02, "high": 0.07}}
    found = doubt.subsection(tree.read().classifiers)
    assert found is not None
    assert found.unlike is None
    change(tree, lambda metrics: metrics.update({"out_of_distribution": flagged}))
    found = doubt.subsection(tree.read().classifiers)
    assert found is not None
    said = re.sub("<[^>]*>", "", found.unlike or "")
    assert "takes 4.0% (2.0–7.0) of the test images for unlike" in said
    assert "at most 5% of such images" in said
