"""Unequal classes: shown when they are, remedies alone get the credit, every class has the same weight."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.report.page import findings

from darkroom.report.comparisons import accuracy_change, ranking
from darkroom.report.sections.classify import imbalance

POLICIES = [("none", "resnet"), ("class_weights", "resnet"), ("balanced", "resnet")]
SETTINGS = {"class_weights": {"imbalance": "class_weights"}, "balanced": {"balance": True}}
FEW = [400] * 9 + [20]


def configured(tree: Any, settings: dict[str, Any]) -> Any:
    """The tree under a config with these policies."""
    return dataclasses.replace(tree, spec=tree.spec.model_copy(update={"config": {"augment": settings}}))


def answers(tree: Any, policy: str, labels: np.ndarray, predicted: np.ndarray) -> None:
    """Let a policy's classifier predict this."""
    path = tree.results / "classify" / policy / "resnet" / "seed-0" / "evaluation" / "predictions.parquet"
    ids = [f"{n:03}" for n in range(len(labels))]
    pd.DataFrame({"id": ids, "label": labels, "prediction_plain": predicted}).to_parquet(path)


def test_equal_classes_need_no_subsection(plant, tmp_path: Path) -> None:
    tree = configured(plant(classifiers=POLICIES), SETTINGS)
    assert "Unequal classes" not in tree.build(tmp_path / "page")


def test_each_remedy_is_shown_with_what_it_does_and_its_gain(plant, tmp_path: Path) -> None:
    page = configured(plant(classifiers=POLICIES, train=FEW, seeds=(0, 1, 2)), SETTINGS).build(tmp_path / "page")
    assert "<b>9</b> has 20 training images" in page
    assert "class weights in the loss" in page
    assert "more and stronger copies" in page


def test_a_policy_that_treats_all_classes_alike_is_not_credited_with_helping_rare_ones(plant, tmp_path: Path) -> None:
    page = plant(train=FEW).build(tmp_path / "page")
    assert "Augmentation" in findings(page)
    assert "Unequal classes" not in page


def test_a_remedy_is_compared_with_the_policy_that_has_its_transforms(plant, tmp_path: Path) -> None:
    flips = {"offline": [{"name": "hflip"}]}
    settings = {"flips": flips, "weighted": {**flips, "imbalance": "class_weights"}}
    policies = [(policy, "resnet") for policy in ("none", "flips", "weighted")]
    tree = configured(plant(classifiers=policies, train=FEW), settings)
    (sentence,) = findings(tree.build(tmp_path / "page"))["Unequal classes"]
    assert "compared with resnet with flips." in sentence
    tree = configured(plant(classifiers=[policies[0], policies[2]], train=FEW), settings)
    (sentence,) = findings(tree.build(tmp_path / "alone"))["Unequal classes"]
    assert "compared with resnet without augmentation; their transforms differ" in sentence


def test_in_balanced_accuracy_a_rare_class_weighs_as_much_as_a_common_one(plant) -> None:
    tree = plant(classes=("many", "few"), train=[400, 20], items=100, classifiers=POLICIES[:2], detectors=())
    labels = np.array([0] * 90 + [1] * 10)
    answers(tree, "none", labels, np.zeros(100, int))
    answers(tree, "class_weights", labels, np.array([0] * 81 + [1] * 9 + [1] * 10))
    found = configured(tree, SETTINGS).read()
    base, to = found.classifiers
    plain, even = accuracy_change(to, base), accuracy_change(to, base, balanced=True)
    assert np.isclose(plain.difference.value, 0.91 - 0.90)
    assert np.isclose(even.difference.value, (0.9 + 1.0) / 2 - (1.0 + 0.0) / 2)
    shown = imbalance.subsection(ranking(found.classifiers)[0], found)
    assert shown.rarest == ("few", 20)


def test_accuracy_that_the_commonest_class_alone_would_have_is_called_out(plant, tmp_path: Path) -> None:
    tree = plant(classifiers=POLICIES[:1])
    labels = (np.arange(200) % 20 == 0).astype(int)
    answers(tree, "none", labels, np.zeros(200, int))
    (sentence,) = findings(tree.build(tmp_path / "page"))["Commonest class"]
    assert "95.0%" in sentence
    answers(tree, "none", labels, labels)
    assert "Commonest class" not in findings(tree.build(tmp_path / "better"))
