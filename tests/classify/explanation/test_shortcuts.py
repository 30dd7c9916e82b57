"""Shortcuts to the class: a leak is found, chance is not called one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from darkroom.classify.explanation.shortcuts import BACKGROUND, CONSTANT, FEW_CLASSES, UNKNOWN, Shortcut, shortcuts


def attributes(labels: np.ndarray, generator: np.random.Generator, **columns: object) -> pd.DataFrame:
    n = len(labels)
    table = pd.DataFrame(
        {
            "format": generator.choice(["JPEG", "PNG"], n),
            "width": generator.integers(200, 900, n),
            "height": generator.integers(200, 900, n),
            "camera": generator.choice(["A", "B", None], n),
            "border_rows": np.where(generator.random(n) < 0.2, 0.1, 0),
            "border_columns": 0.0,
        }
    )
    return table.assign(**columns)


def found(labels: np.ndarray, table: pd.DataFrame, groups: np.ndarray | None = None) -> dict[str, Shortcut]:
    groups = np.arange(len(labels)) if groups is None else groups
    return {one.kind: one for one in shortcuts(table, labels, groups, np.random.default_rng(0))}


LABELS = np.arange(200) % 2


def test_a_file_type_per_class_is_a_leak() -> None:
    table = attributes(LABELS, np.random.default_rng(0), format=np.where(LABELS, "PNG", "JPEG"))
    one = found(LABELS, table)["file type"]
    assert one.found
    assert one.accuracy == 1
    assert one.low is not None
    assert 0.9 < one.low < 1
    assert not any(other.found for kind, other in found(LABELS, table).items() if kind != "file type")


@pytest.mark.parametrize("kind", ["size", "camera", "padding"])
def test_other_leaks(kind: str) -> None:
    columns = {
        "size": {"width": 300 + 200 * LABELS},
        "camera": {"camera": np.where(LABELS, "A", "B")},
        "padding": {"border_rows": 0.2 * LABELS, "border_columns": 0.0},
    }[kind]
    assert found(LABELS, attributes(LABELS, np.random.default_rng(0), **columns))[kind].found


@pytest.mark.parametrize(("sets", "most"), [(60, 3), pytest.param(200, 10, marks=pytest.mark.long)])
def test_few_sets_of_random_labels_are_called_a_leak(sets: int, most: int) -> None:
    """At most 5 % by the intervals alone, and far fewer as a tenth of the gap has to be closed."""
    alarms = 0
    for seed in range(sets):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 3, 150)
        alarms += any(one.found for one in found(labels, attributes(labels, generator)).values())
    assert alarms <= most


def test_a_group_of_copies_is_no_evidence() -> None:
    """Ten photographs, each twenty times: the size names the photograph, and so the class of its copies."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    labels = generator.permutation(np.arange(20) % 2)[groups]
    widths = generator.permutation(20)[groups]
    table = attributes(labels, generator, width=widths, height=1)
    assert not found(labels, table, groups)["size"].found
    assert found(labels, table)["size"].found


def test_what_cannot_be_tested_says_why() -> None:
    table = attributes(LABELS, np.random.default_rng(0), format=None, camera="A", border_rows=0.1)
    one = found(LABELS, table)
    assert one["file type"].reason == UNKNOWN
    assert one["camera"].reason == CONSTANT
    assert one["padding"].reason == BACKGROUND
    assert {other.reason for other in found(np.zeros(50, np.int64), table[:50]).values()} == {FEW_CLASSES}
