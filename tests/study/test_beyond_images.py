"""Made rows lie between rare rows, ADASYN prefers the stray one, and copies before the split leak."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.augment.rows.smote import SMOTE
from darkroom.study.beyond_images.experiment import refused, synthetic
from darkroom.study.beyond_images.oversampling import (
    RARE,
    Table,
    balanced,
    islands,
    leaked,
    misplaced,
    standard,
    tumors,
)


def test_made_rows_lie_on_lines_between_rare_rows() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 5.0], [9.0, 6.0]])
    table = Table(
        np.concatenate([np.random.default_rng(0).normal(size=(20, 2)), corners]), np.repeat([0, RARE], [20, 4])
    )
    given = standard(table)
    made = given.stored(balanced(given, SMOTE(k=1), seed=0).rows[len(table.rows) :])
    assert len(made) == 16  # as many as of the other class
    low, right = np.isclose(made[:, 1], 0, atol=1e-5), np.isclose(made[:, 0], 9, atol=1e-5)
    assert (low ^ right).all()
    assert made[low, 0].min() >= -1e-5
    assert made[low, 0].max() <= 1 + 1e-5


def test_adasyn_makes_more_rows_in_the_wrong_place() -> None:
    made = synthetic(islands(seed=0), k=5, seed=0)
    assert misplaced(made["ADASYN"]) > misplaced(made["SMOTE"])


def test_copies_before_the_split_predict_noise() -> None:
    found = np.mean([leaked(rows=200, columns=5, rare=20, k=5, seed=seed) for seed in range(8)], axis=0)
    assert found[0] == pytest.approx(0.5, abs=0.08)
    assert found[1] > 0.7


def test_adasyn_refuses_distant_classes() -> None:
    assert refused()


def test_rare_training_rows_and_untouched_test_rows() -> None:
    train, test = tumors(rare=15, test=200, seed=0)
    assert (train.labels == RARE).sum() == 15
    assert len(test.rows) == 200
    assert not {row.tobytes() for row in train.rows} & {row.tobytes() for row in test.rows}
