"""Metrics of predicted numbers, and the weights of views."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from darkroom.classify.evaluation.numbers import conformal_interval, scores, view_weights


def drawn(items: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and truth (N, 2), the first far from 0."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(items, 2)) * [30, 0.1] + [20_000, 0]
    return truth + random.normal(size=(items, 2)) * [10, 0.08], truth


def test_metrics_are_those_of_scikit_learn() -> None:
    predicted, truth = drawn()
    found = {name: value[0] for name, value in scores(np.ones((1, 200)), predicted, truth).items()}
    for m in range(2):
        y, p = truth[:, m], predicted[:, m]
        assert found[f"mae/{m}"] == pytest.approx(reference.mean_absolute_error(y, p))
        assert found[f"rmse/{m}"] == pytest.approx(reference.root_mean_squared_error(y, p))
        assert found[f"r2/{m}"] == pytest.approx(reference.r2_score(y, p))
    assert found["r2"] == pytest.approx(reference.r2_score(truth, predicted))


def test_a_weighting_is_the_set_with_items_repeated() -> None:
    predicted, truth = drawn()
    taken = np.random.default_rng(1).integers(0, 200, 200)
    weights = np.bincount(taken, minlength=200).astype(float)[None]
    repeated = scores(np.ones((1, 200)), predicted[taken], truth[taken])
    found = scores(weights, predicted, truth)
    del found["standardized_mae"]  # its unit is a constant of the set
    for name, value in found.items():
        assert value[0] == pytest.approx(repeated[name][0]), name


def test_numbers_far_from_zero_keep_their_variance() -> None:
    predicted, truth = drawn()
    found = scores(np.ones((1, 200)), predicted + 1e9, truth + 1e9)
    assert found["r2/0"][0] == pytest.approx(reference.r2_score(truth[:, 0], predicted[:, 0]), abs=1e-4)


def test_a_constant_number_has_no_r2() -> None:
    predicted, truth = drawn()
    truth[:, 1] = 3
    found = scores(np.ones((1, 200)), predicted, truth)
    assert np.isnan(found["r2/1"][0])
    assert np.isfinite(found["mae/1"][0])


def test_intervals_cover_90_percent_of_new_items() -> None:
    random = np.random.default_rng(0)
    found = conformal_interval(random.standard_t(3, 4000), random.standard_t(3, 8000))
    assert found["coverage"]["value"] == pytest.approx(0.9, abs=0.015)
    assert found["expected"]["low"] < 0.9 < found["expected"]["high"]
    few = conformal_interval(np.zeros(8), np.zeros(10))
    assert few["half_width"] is few["coverage"]["value"] is None
    assert "takes at least 9" in few["coverage"]["reason"]


def test_learned_weights_have_the_least_error_of_all_mixtures() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(100, 2)) * [1, 50]
    looks = truth[:, None] + random.normal(size=(100, 3, 2)) * [1, 50] * np.array([0.2, 0.4, 2.0])[:, None]

    def error(weights: np.ndarray) -> float:
        return float(np.square((np.einsum("nvm,v->nm", looks, weights) - truth) / truth.std(0)).mean())

    found = view_weights(looks, truth)
    assert found.sum() == pytest.approx(1)
    assert found[0] > found[1] > found[2] >= 0
    assert error(found) <= min(error(w) for w in random.dirichlet([1, 1, 1], 2000)) + 1e-6
    assert view_weights(looks[:0], truth[:0]).tolist() == [1 / 3] * 3
