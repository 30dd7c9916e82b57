"""Columns that give the class away are named, honest ones are not."""

from __future__ import annotations

import numpy as np

from darkroom.data.tabular import leaks
from darkroom.data.tabular.columns import Column

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 3, 600)
TRAIN = np.arange(600) < 400
COLUMNS = [Column("honest", "number"), Column("leak", "number"), Column("code", "category", tuple("abcdef"))]


def rows() -> np.ndarray:  # type: ignore[type-arg]
    honest = LABELS + GENERATOR.normal(0, 0.7, 600)
    code = np.array([4, 0, 2])[LABELS] + GENERATOR.integers(0, 2, 600)
    return np.column_stack([honest, LABELS * 7 - 3, code]).astype(np.float32)


def test_a_column_that_alone_predicts_the_class_is_named() -> None:
    found = leaks.warnings(rows(), COLUMNS, LABELS, train=TRAIN, numbers={})
    assert len(found) == 1
    assert '"leak (1.000)", "code (1.000)"' in found[0]
    assert "honest" not in found[0]


def test_few_held_out_rows_of_a_class_suspect_nothing() -> None:
    few = TRAIN | (LABELS == 2)
    assert leaks.predicting(rows(), COLUMNS, LABELS, few | (np.arange(600) < 590)) == []


def test_columns_that_count_rows_are_ids() -> None:
    place = np.arange(600)
    for values in (place + 1000.0, -1.0 * place, place + 2.0**40):
        assert leaks.is_id(values)
    for values in (GENERATOR.permutation(600) + 0.0, np.repeat(place[:300] + 0.0, 2), place + 0.5):
        assert not leaks.is_id(values)
