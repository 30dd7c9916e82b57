from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from darkroom.data.store import Store
from darkroom.detect.evaluation.metrics import TWINS, Metrics

ITEMS = 60
ANOMALOUS = np.arange(ITEMS) % 3 == 0
SCORES = np.random.default_rng(0).normal(size=ITEMS) + 0.8 * ANOMALOUS
ROWS = np.arange(ITEMS)


def metrics(**options: Any) -> Metrics:
    return Metrics(**{"resamples": 50, "recall": 0.9, "seed": 0, **options})


def store(**columns: Any) -> Store:
    items = pd.DataFrame({"label": ANOMALOUS.astype(int), "mask": -1, **columns})
    return Store("set", ("good", "crack"), np.zeros((ITEMS, 4, 4, 1), np.uint8), items)


def test_false_alarms_at_a_recall_are_those_of_the_threshold_that_finds_that_share() -> None:
    for recall in (0.5, 0.9, 0.99):
        found = metrics(recall=recall).image(ANOMALOUS, SCORES, SCORES > 0, "image")["fpr_at_recall"]
        lowest = np.sort(SCORES[ANOMALOUS])[::-1][int(np.ceil(recall * ANOMALOUS.sum() - 1e-9)) - 1]
        assert found["value"] == pytest.approx((SCORES[~ANOMALOUS] >= lowest).mean())
        assert found["low"] <= found["value"] <= found["high"]


def test_images_with_a_twin_in_training_are_left_out() -> None:
    twins = np.random.default_rng(1).random(ITEMS) < 0.4
    found = metrics().without_twins(store(**{TWINS: twins}), ROWS, ANOMALOUS, SCORES)
    assert found is not None
    assert found["items"] == twins.sum()
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(ANOMALOUS[~twins], SCORES[~twins]))


def test_without_twins_there_is_nothing_to_leave_out() -> None:
    for columns in ({}, {TWINS: np.zeros(ITEMS, bool)}):
        assert metrics().without_twins(store(**columns), ROWS, ANOMALOUS, SCORES) is None
    every = metrics().without_twins(store(**{TWINS: np.ones(ITEMS, bool)}), ROWS, ANOMALOUS, SCORES)
    assert every is not None
    assert every["auroc"]["value"] is None
