"""Conformal sets and intervals cover as often as promised, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from darkroom.measure.conformal import MISS, class_scores, class_sets, expected_coverage, fewest, limit, too_few


@pytest.mark.parametrize("items", [9, 12, 57, 200])
def test_the_coverage_of_exchangeable_items_is_the_one_promised(items: int) -> None:
    """Exactly ⌈(n + 1)(1 − miss)⌉ / (n + 1) on average, and inside the beta range for 95 % of the calibration sets."""
    random, trials = np.random.default_rng(items), 4000
    limits = np.array([limit(random.random(items)) for _ in range(trials)])  # uniform scores: the limit is the coverage
    low, high = expected_coverage(items)
    mean = math.ceil((items + 1) * (1 - MISS) - 1e-9) / (items + 1)
    assert limits.mean() == pytest.approx(mean, abs=4 * limits.std() / math.sqrt(trials))
    assert 1 - MISS <= mean < 1 - MISS + 1 / (items + 1)
    assert ((low <= limits) & (limits <= high)).mean() == pytest.approx(0.95, abs=0.015)


def test_too_few_items_give_no_limit() -> None:
    assert fewest() == 9
    assert fewest(0.05) == 19
    assert limit(np.zeros(8)) == math.inf
    assert limit(np.arange(9.0)) == 8
    assert too_few(9) is None
    assert "8 labeled validation images; 90% coverage takes at least 9" in str(too_few(8))
    with pytest.raises(ValueError, match="takes at least 9"):
        expected_coverage(8)


def test_sets_of_a_weak_classifier_cover_90_percent_and_shrink_with_its_skill() -> None:
    random, sizes = np.random.default_rng(0), []
    for skill in (0.5, 1.5, 3.0):
        logits = skill * random.normal(size=(6000, 5))
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        labels = (probabilities.cumsum(1) > random.random((6000, 1))).argmax(1)
        spoilt = probabilities**3  # coverage needs no calibrated probabilities
        spoilt /= spoilt.sum(1, keepdims=True)
        rows = np.arange(3000)
        allowed = limit(class_scores(spoilt[:3000])[rows, labels[:3000]])
        sets = class_sets(spoilt[3000:], allowed)
        assert 0.88 < sets[rows, labels[3000:]].mean() < 0.92
        sizes.append(sets.sum(1).mean())
    assert sizes[0] > sizes[1] > sizes[2] >= 1


def test_no_set_is_empty() -> None:
    sure = np.array([[0.6, 0.4], [0.99, 0.01]])
    assert class_sets(sure, 0.05).tolist() == [[True, False], [True, False]]
