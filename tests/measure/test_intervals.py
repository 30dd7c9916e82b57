"""Means over seeds and paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from darkroom.measure.intervals import Number, from_moments, number, over_seeds, paired, paired_auroc


def test_one_seed_keeps_its_interval_and_several_get_a_t_interval() -> None:
    one = Number(0.9, 0.88, 0.92)
    assert over_seeds([one]) == one
    several = over_seeds([Number(0.9), Number(0.92), Number(0.94)], (0, 1))
    low, high = stats.t.interval(0.95, 2, 0.92, stats.sem([0.9, 0.92, 0.94]))
    assert (several.value, several.low, several.high) == pytest.approx((0.92, low, high), abs=1e-4)
    assert several.seeds == 3


def test_a_mean_of_shares_stays_a_share() -> None:
    joined = over_seeds([Number(0.9), Number(1.0)], (0, 1))
    assert joined.low is not None
    assert joined.high is not None
    assert 0 <= joined.low <= joined.high <= 1


def test_seeds_that_agree_do_not_claim_certainty() -> None:
    assert over_seeds([Number(0.9, 0.88, 0.92), Number(0.9, 0.87, 0.92)]) == Number(0.9, 0.88, 0.92, seeds=2)


def test_a_missing_number_shows_its_reason() -> None:
    assert number({"a": {"value": None, "reason": "one class"}}, "a").reason == "one class"
    assert number({"a": {}}, "a", "b", "c") == Number(reason="not recorded")
    assert number({"a": {"value": None, "reason": "no maps"}}, "a", "b") == Number(reason="no maps")
    assert over_seeds([Number(reason="no masks"), Number(reason="no masks")]).reason == "no masks"


def test_paired_bootstrap_agrees_with_resampling_items() -> None:
    generator = np.random.default_rng(1)
    changes = generator.choice([-1.0, 0.0, 1.0], 300, p=[0.02, 0.93, 0.05])
    found = paired([changes])
    naive = changes[generator.integers(0, 300, (4000, 300))].mean(1)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.004)
    assert found == paired([changes]), "the resamples are fixed"


def test_an_interval_that_leaves_out_its_estimate_is_not_shown() -> None:
    assert number({"value": 0.046, "low": 0.05, "high": 0.241}) == Number(0.046)
    assert number({"value": 0.046, "low": 0.046, "high": 0.241}) == Number(0.046, 0.046, 0.241)


@pytest.mark.parametrize("images", [50, 208])
def test_two_classifiers_that_never_disagree_have_an_interval_with_a_width(images: int) -> None:
    found = paired([np.zeros(images)])
    assert found.value == 0
    assert found.low < -1 / images
    assert found.high > 1 / images


def mostly_zero(ones: int) -> NDArray[np.float64]:
    return (np.arange(100) < ones).astype(np.float64)


def test_a_difference_is_clear_only_away_from_zero() -> None:
    assert not paired([np.zeros(100)]).clear
    assert paired([mostly_zero(20)]).clear
    assert not paired([mostly_zero(1)]).clear


def test_seeds_that_disagree_widen_the_difference() -> None:
    up, down = mostly_zero(30), -mostly_zero(10)
    assert paired([up]).clear
    assert not paired([up, down]).clear


def test_auroc_difference_agrees_with_sklearn_on_ties() -> None:
    generator = np.random.default_rng(2)
    anomalous = generator.random(200) < 0.3
    second = generator.random(200)
    first = np.round(generator.random(200) + anomalous * 0.4, 1).astype(np.float64)
    expected = roc_auc_score(anomalous, first) - roc_auc_score(anomalous, second)
    found = paired_auroc([first], [second], anomalous)
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert paired_auroc([first], [first], anomalous).value == 0


def test_moments_give_nearly_the_interval_of_the_images_themselves() -> None:
    each = np.repeat([1.0, 0.0, -1.0], [9, 85, 4])
    found = from_moments(each.mean(), each.std(ddof=1) / np.sqrt(len(each)), len(each))
    known = paired([each])
    assert found.value == known.value
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=0.006)
    assert from_moments(0, 0, 50).low < 0 < from_moments(0, 0, 50).high
