"""The risk-coverage curve, its area, and a confidence whose errors stay below a limit."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.measure.selective import ALPHA, aurc, least_confidence, least_items, risk_curve


def test_the_curve_counts_errors_among_the_surest() -> None:
    confidence = np.array([0.9, 0.5, 0.8, 0.8, 0.3])
    wrong = np.array([False, True, True, False, True])
    coverage, risk = risk_curve(confidence, wrong)
    assert coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert risk.tolist() == [0, 1 / 3, 0.5, 0.6]
    assert aurc(confidence, wrong)[0] == pytest.approx((0 + 2 * (1 / 3) + 0.5 + 0.6) / 5)


def test_the_area_is_the_mean_over_every_prefix() -> None:
    random = np.random.default_rng(0)
    confidence, wrong = random.random(200), random.random(200) < 0.3
    order = np.argsort(-confidence)
    direct = np.mean(np.cumsum(wrong[order]) / np.arange(1, 201))
    assert aurc(confidence, wrong)[0] == pytest.approx(direct)
    taken = random.integers(0, 200, 200)
    weights = np.bincount(taken, minlength=200).astype(float)[None]
    assert aurc(confidence, wrong, weights)[0] == pytest.approx(aurc(confidence[taken], wrong[taken])[0])


def test_errors_last_have_the_least_area() -> None:
    wrong = np.arange(100) >= 90
    best, worst = aurc(-np.arange(100.0), wrong)[0], aurc(np.arange(100.0), wrong)[0]
    assert best < 0.01 < 0.1 < worst


def test_the_risk_stays_below_the_limit_for_95_percent_of_the_validation_sets() -> None:
    """Errors are the likelier the lower the confidence; the risk from a confidence on is known."""
    random, risk, above, answered = np.random.default_rng(0), 0.05, [], []
    for _ in range(2000):
        confidence = random.random(500)
        wrong = random.random(500) < 0.4 * (1 - confidence)
        found = least_confidence(confidence, wrong, risk)
        if found is not None:
            above.append(0.4 * (1 - found) / 2 > risk)  # the mean of the chance of an error above a confidence
            answered.append(1 - found)
    assert sum(above) / 2000 <= ALPHA
    assert np.mean(answered) > 0.12  # of the 25 % that could be answered


def test_few_images_show_nothing() -> None:
    assert (least_items(0.05), least_items(0.01)) == (72, 368)
    assert least_confidence(np.arange(71.0), np.zeros(71, bool), 0.05) is None
    assert least_confidence(np.arange(72.0), np.zeros(72, bool), 0.05) == 0
    assert least_confidence(np.arange(400.0), np.ones(400, bool), 0.05) is None
    assert least_confidence(np.ones(100), np.zeros(100, bool), 0.05) == 1  # ties are answered together


def test_one_early_error_does_not_end_the_search() -> None:
    wrong = np.zeros(300, bool)
    wrong[290] = True  # the tenth most confident
    wrong[:50] = True
    found = least_confidence(np.arange(300.0), wrong, 0.05)
    assert found is not None
    assert 30 < found < 100
