"""Decisions by cost, beside brute force and Elkan's threshold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from darkroom.measure import costs, ranking

GENERATOR = np.random.default_rng(0)
MATRIX = np.array([[0.0, 1.0], [7.0, 0.5]])
LABELS = (GENERATOR.random(300) < 0.2).astype(np.int64)
SCORES = np.clip(0.3 * LABELS + GENERATOR.random(300).round(2) * 0.7, 0, 1)


def test_the_cheapest_class_is_the_second_from_elkans_threshold_on() -> None:
    probabilities = np.linspace(0, 1, 1001)
    found = costs.cheapest(np.stack([1 - probabilities, probabilities], 1), MATRIX)
    assert costs.threshold(MATRIX) == pytest.approx(1 / (1 + 6.5))
    np.testing.assert_array_equal(found, probabilities > costs.threshold(MATRIX))
    with pytest.raises(ValueError, match="a mistake must cost more than the right answer"):
        costs.threshold(np.array([[0.0, 1.0], [1.0, 2.0]]))


def test_no_threshold_costs_less_than_the_chosen_one() -> None:
    def cost(cut: float) -> float:
        return float(costs.mean_cost(LABELS, (cut <= SCORES).astype(np.int64), MATRIX, np.ones((1, 300)))[0])

    chosen = cost(costs.best_threshold(LABELS, SCORES, MATRIX))
    assert chosen == pytest.approx(min(cost(cut) for cut in (*np.unique(SCORES), 2.0)))


def test_recall_at_a_precision_is_that_of_the_curve() -> None:
    precision, recall, _ = precision_recall_curve(LABELS, SCORES)
    for wanted in (0.3, 0.6, 0.9):
        found = ranking.recall_at(ranking.curve(LABELS, SCORES), wanted)
        assert found[0] == pytest.approx(recall[:-1][precision[:-1] >= wanted].max(initial=0))
