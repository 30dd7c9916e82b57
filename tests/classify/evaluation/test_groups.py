"""Accuracy and confusions by the groups that a source names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from darkroom.classify.evaluation.groups import by_group
from darkroom.data.store import Store


def store(names: list[str | None] | None) -> Store:
    table = pd.DataFrame({"id": list("abcdef")})
    items = table if names is None else table.assign(group_name=names)
    return Store(
        name="s", classes=("yes", "no"), samples=np.zeros((6, 2), np.int16), items=items, kind="audio", sizes=(2, 8000)
    )


def test_each_group_has_its_own_accuracy_and_confusions() -> None:
    labels, predicted = np.array([0, 1, 0, 0, 1]), np.array([0, 1, 1, 1, 0])
    found = by_group(store(["ann", "ann", "bo", "bo", "bo", None]), np.arange(5), predicted, labels)
    assert {name: (group["accuracy"]["value"], group["items"]) for name, group in found.items()} == {
        "ann": (1, 2),
        "bo": (0, 3),
    }
    assert found["ann"]["confusions"] == []
    assert found["bo"]["confusions"] == [
        {"true": "yes", "predicted": "no", "items": 2},
        {"true": "no", "predicted": "yes", "items": 1},
    ]


def test_no_groups_or_a_single_one_are_not_compared() -> None:
    labels = np.zeros(3, np.int64)
    assert by_group(store(None), np.arange(3), labels, labels) == {}
    assert by_group(store(["ann"] * 3 + [None] * 3), np.arange(3), labels, labels) == {}
