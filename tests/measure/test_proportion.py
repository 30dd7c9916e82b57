"""Intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkroom.measure.proportion import (
    difference_interval,
    f1_interval,
    mean_of_shares,
    perfect_auroc,
    perfect_macro_auroc,
    wilson,
)


@pytest.mark.parametrize(("count", "items"), [(0, 1), (0, 40), (40, 40), (3, 50), (500, 1000)])
def test_the_interval_has_a_width_and_holds_the_share(count: int, items: int) -> None:
    found = wilson(count, items, reason="")
    assert 0 <= found["low"] <= found["value"] == count / items <= found["high"] <= 1
    assert found["low"] < found["high"]


@pytest.mark.parametrize(("count", "items"), [(0, 1), (208, 208), (3, 50), (500, 1000)])
def test_agrees_with_scipy(count: int, items: int) -> None:
    theirs = stats.binomtest(count, items).proportion_ci(method="wilson")
    found = wilson(count, items, reason="")
    assert (found["low"], found["high"]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """His examples (1998, table II): 56/70 - 48/80 and 9/10 - 3/10."""
    for given, low, high in (((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090)):
        found = difference_interval(*given)
        assert (found["low"], found["high"]) == pytest.approx((low, high), abs=5e-5)


def test_perfect_f1_and_means_of_perfect_shares_have_a_width() -> None:
    found = f1_interval(50, 50, 50, reason="")
    assert found["value"] == found["high"] == 1
    assert 0.9 < found["low"] < 1
    low, high = mean_of_shares([wilson(50, 50, reason=""), wilson(20, 20, reason="")])
    assert 0.8 < low < high == 1


def test_the_interval_of_a_mean_of_shares_covers_as_often_as_promised() -> None:
    random, chances, items = np.random.default_rng(0), np.array([0.97, 0.8, 0.9]), (30, 50, 20)
    covered = []
    for _ in range(2000):
        low, high = mean_of_shares(
            [wilson(int(random.binomial(n, p)), n, reason="") for n, p in zip(items, chances, strict=True)]
        )
        covered.append(low <= chances.mean() <= high)
    assert 0.92 < np.mean(covered) < 0.99


def test_published_values() -> None:
    found = wilson(1, 10, reason="")  # Newcombe 1998 has 81/263 as .2553 to .3662
    assert (found["low"], found["high"]) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    found = wilson(81, 263, reason="")
    assert (found["low"], found["high"]) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_it_covers_the_true_share_about_as_often_as_promised() -> None:
    counts = np.random.default_rng(0).binomial(40, 0.05, 2000)
    covered = [found["low"] <= 0.05 <= found["high"] for found in (wilson(int(k), 40, reason="") for k in counts)]
    assert 0.92 < np.mean(covered) < 0.99


def test_no_items_have_no_share() -> None:
    assert wilson(0, 0, reason="there are none") == {"value": None, "reason": "there are none"}


@pytest.mark.parametrize(("positive", "negative"), [(1, 1), (4, 30), (25, 25), (50, 500)])
def test_the_bound_of_a_perfect_auroc_lies_two_standard_errors_away(positive: int, negative: int) -> None:
    found = perfect_auroc(1.0, positive, negative)
    area, items = found["low"], (positive + negative) / 2
    # Hanley and McNeil 1982, equation 1, with both sample sizes replaced by their mean
    spread = (items - 1) * (area / (2 - area) - area**2) + (items - 1) * (2 * area**2 / (1 + area) - area**2)
    error = np.sqrt((area * (1 - area) + spread) / (positive * negative))
    assert 1 - area == pytest.approx(1.959964 * error, rel=1e-4)
    mirrored = perfect_auroc(0.0, positive, negative)
    assert (found["high"], mirrored["low"], mirrored["high"]) == pytest.approx((1, 0, 1 - area))


def test_a_detector_that_errs_now_and_then_is_not_excluded_by_a_perfect_sample() -> None:
    random = np.random.default_rng(0)
    area = stats.norm.cdf(2.6 / np.sqrt(2))  # of normal scores 2.6 standard deviations apart: .967
    perfect = [random.normal(2.6, size=15).min() > random.normal(size=15).max() for _ in range(1000)]
    assert np.mean(perfect) > 0.03
    assert perfect_auroc(1.0, 15, 15)["low"] < area


def test_the_interval_of_a_perfect_macro_auroc_is_that_of_its_classes_and_skips_those_that_have_none() -> None:
    single = perfect_auroc(1.0, 10, 30)
    assert perfect_macro_auroc(1.0, [10, 0, 40], 40) == pytest.approx(single)
    several = perfect_macro_auroc(1.0, [10, 10, 10, 10], 40)
    assert single["low"] < several["low"] < several["high"] == 1
