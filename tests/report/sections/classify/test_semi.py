"""Classifiers that learned from unlabeled images: compared with a supervised one, and described by epoch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.report.comparisons import ranking
from darkroom.report.sections.classify import semi

MODELS = [("none", "mlp"), ("none", "resnet")]
NETWORK = {"name": "resnet", "width": 32}
SETTINGS: dict[str, Any] = {
    "models": {"mlp": {"network": NETWORK}, "resnet": {"network": NETWORK, "semi": {"name": "fixmatch"}}},
}


def configured(tree: Any, classify: dict[str, Any]) -> Any:
    return dataclasses.replace(tree, spec=tree.spec.model_copy(update={"config": {"classify": classify}}))


def trained(tree: Any, shares: list[float], right: list[float | None] | None = None) -> None:
    """Let the semi-supervised classifier's training record these shares."""
    for seed in tree.results.glob("classify/none/resnet/seed-*"):
        path = seed / "model" / "history.csv"
        history = pd.read_csv(path).head(len(shares)).assign(train_pseudo_share=shares)
        if right is not None:
            history["train_pseudo_accuracy"] = right
        history.to_csv(path, index=False)


def test_supervised_classifiers_have_no_subsection(plant, tmp_path: Path) -> None:
    tree = configured(
        plant(classifiers=MODELS), {"models": {"mlp": {"network": NETWORK}, "resnet": {"network": NETWORK}}}
    )
    assert "unlabeled images" not in tree.build(tmp_path / "page")


def test_each_is_compared_with_the_supervised_model_of_its_network(plant, tmp_path: Path) -> None:
    tree = configured(plant(classifiers=MODELS), SETTINGS)
    trained(tree, [0.1, 0.8], [None, 0.97])
    page = tree.build(tmp_path / "page")
    assert "Learning from unlabeled images" in page
    assert "is more accurate than <b>mlp</b>" in page
    assert "Keep learning from unlabeled images." in page
    assert "Right pseudo-labels" in page
    found = tree.read()
    shown = semi.subsection(ranking(found.classifiers)[0], found)
    assert shown is not None
    assert [cell.main for cell in shown.table.rows[0].cells[-2:]] == ["80.0", "97.0"]
    assert [len(drawn.lines[0].points) for drawn in shown.by_epoch] == [2, 1]


def test_few_used_images_and_wrong_labels_are_said_and_no_accuracy_is_known_without_hidden_labels(
    plant, tmp_path: Path
) -> None:
    tree = configured(plant(classifiers=MODELS), SETTINGS)
    trained(tree, [0.1, 0.2])
    page = tree.build(tmp_path / "page")
    assert "used only 20.0% of the unlabeled images at its end; train for more epochs" in page
    assert "Right pseudo-labels" not in page
    trained(tree, [0.1, 0.2], [0.5, 0.6])
    assert "Of its pseudo-labels, 40.0% were wrong" in tree.build(tmp_path / "wrong")


def test_without_a_supervised_model_the_page_asks_for_one(plant, tmp_path: Path) -> None:
    other = {"network": {"name": "mlp"}}
    tree = configured(plant(classifiers=MODELS), {"models": {**SETTINGS["models"], "mlp": other}})
    trained(tree, [0.1, 0.9])
    assert "has no supervised model beside it" in tree.build(tmp_path / "alone")
    based = configured(tree, {"models": {**SETTINGS["models"], "mlp": other}, "baseline": "mlp"})
    assert "has no supervised model beside it" not in based.build(tmp_path / "based")
