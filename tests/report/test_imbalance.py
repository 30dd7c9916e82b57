"""Unequal classes: shown when they are, each remedy against none, every class weighing the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.report.comparisons import accuracy_change, ranking
from darkroom.report.sections import imbalance

POLICIES = [("none", "resnet"), ("class_weights", "resnet"), ("balanced", "resnet")]
SETTINGS = {"class_weights": {"imbalance": "class_weights"}, "balanced": {"balance": True}}


def test_equal_classes_need_no_subsection(plant, tmp_path: Path) -> None:
    assert "Unequal classes" not in plant(classifiers=POLICIES).build(tmp_path / "page")


def test_each_policy_is_shown_with_what_it_does_and_its_gain(plant, tmp_path: Path) -> None:
    tree = plant(classifiers=POLICIES, train=[400] * 9 + [20], seeds=(0, 1, 2))
    spec = tree.spec.model_copy(update={"config": {"augment": SETTINGS}})
    page = dataclasses.replace(tree, spec=spec).build(tmp_path / "page")
    assert "<b>9</b> has 20 training images" in page
    assert "weights in the loss" in page
    assert "more and stronger copies of rare classes" in page


def test_in_balanced_accuracy_a_rare_class_weighs_as_much_as_a_common_one(plant) -> None:
    tree = plant(classes=("many", "few"), train=[400, 20], items=100, classifiers=POLICIES[:2], detectors=())
    labels = np.array([0] * 90 + [1] * 10)
    answers = {"none": np.zeros(100, int), "class_weights": np.array([0] * 81 + [1] * 9 + [1] * 10)}
    for policy, said in answers.items():
        path = tree.results / "classify" / policy / "resnet" / "seed-0" / "evaluation" / "predictions.parquet"
        table = pd.DataFrame({"id": [f"{n:03}" for n in range(100)], "label": labels, "prediction_plain": said})
        table.to_parquet(path)
    found = tree.read()
    base, to = found.classifiers
    plain, even = accuracy_change(to, base), accuracy_change(to, base, balanced=True)
    assert np.isclose(plain.difference.value, 0.91 - 0.90)
    assert np.isclose(even.difference.value, (0.9 + 1.0) / 2 - (1.0 + 0.0) / 2)
    shown = imbalance.subsection(ranking(found.classifiers)[0], found)
    assert shown.rarest == ("few", 20)
