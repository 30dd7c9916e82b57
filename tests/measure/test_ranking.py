from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from darkroom.measure import ranking


def fpr_at_tpr(positive: Any, scores: Any, weights: Any = None) -> Any:
    return ranking.false_at(ranking.curve(positive, scores, weights), 0.95)


NUMBERS = (ranking.auroc, ranking.average_precision, fpr_at_tpr, ranking.best_f1)


def draw(seed: int, items: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with ties, and weights of 0 to 3."""
    generator = np.random.default_rng(seed)
    positive = generator.random(items) < 0.3
    scores = np.round(generator.normal(size=items) + positive, 1)
    return positive, scores, generator.integers(0, 4, size=(3, items)).astype(float)


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_sklearn_with_ties_and_weights(seed: int) -> None:
    positive, scores, weights = draw(seed, items=5 + 40 * seed)
    positive[:2] = True, False
    weights[:, :2] = 1
    found = {number.__name__: number(positive, scores, weights) for number in NUMBERS}
    for row, weight in enumerate(weights):
        given = {"y_true": positive, "y_score": scores, "sample_weight": weight}
        assert found["auroc"][row] == pytest.approx(metrics.roc_auc_score(**given), abs=1e-12)
        assert found["average_precision"][row] == pytest.approx(metrics.average_precision_score(**given), abs=1e-12)
        false, true, _ = metrics.roc_curve(**given, drop_intermediate=False)
        assert found["fpr_at_tpr"][row] == pytest.approx(false[true >= 0.95 - 1e-12].min(), abs=1e-12)
        f1 = [metrics.f1_score(positive, scores >= cut, sample_weight=weight) for cut in np.unique(scores)]
        assert found["best_f1"][row] == pytest.approx(max(f1), abs=1e-12)


def test_f1_of_flagged_items_agrees_with_sklearn() -> None:
    positive, scores, weights = draw(1)
    flagged = scores > 0.5
    found = ranking.f1_of(positive, flagged, weights)
    for row, weight in enumerate(weights):
        assert found[row] == pytest.approx(metrics.f1_score(positive, flagged, sample_weight=weight))
    assert np.isnan(ranking.f1_of(np.zeros(3), flagged[:3])).all()


def test_a_weight_of_two_is_the_item_twice() -> None:
    positive, scores, weights = draw(2)
    repeated = np.repeat(np.arange(len(scores)), weights[0].astype(int))
    for number in NUMBERS:
        assert number(positive, scores, weights[:1])[0] == pytest.approx(
            number(positive[repeated], scores[repeated])[0], abs=1e-12
        )


def test_only_the_order_of_scores_matters() -> None:
    positive, scores, _ = draw(3)
    for number in NUMBERS:
        assert number(positive, np.exp(scores))[0] == number(positive, scores)[0]


def test_all_scores_equal_is_chance() -> None:
    positive = np.arange(10) < 3
    assert ranking.auroc(positive, np.zeros(10))[0] == 0.5
    assert ranking.average_precision(positive, np.zeros(10))[0] == pytest.approx(0.3)
    assert fpr_at_tpr(positive, np.zeros(10))[0] == 1


@pytest.mark.parametrize("number", NUMBERS)
def test_one_kind_only_is_nan(number: object) -> None:
    scores = np.arange(4.0)
    weights = np.array([[1.0, 1, 0, 0], [1, 0, 0, 1]])
    found = number(np.array([1, 1, 0, 0]), scores, weights)  # type: ignore[operator]
    assert np.isnan(found[0])
    assert not np.isnan(found[1])


def test_roc_points_run_from_corner_to_corner() -> None:
    positive, scores, _ = draw(4)
    false, true = ranking.roc_points(positive, scores)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    assert np.trapezoid(true, false) == pytest.approx(ranking.auroc(positive, scores)[0])


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 scores are not finite"):
        ranking.auroc(np.array([1, 0, 1]), np.array([1.0, np.nan, 2.0]))
    with pytest.raises(ValueError, match="expected N labels"):
        ranking.auroc(np.array([1, 0]), np.array([1.0, 3.0, 2.0]))
