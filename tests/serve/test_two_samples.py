"""Permutation tests of two samples, beside other implementations, and their false alarms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from darkroom.serve.watch import attributes
from darkroom.serve.watch.two_samples import (
    chi_square,
    discrepancy,
    divisions,
    judged,
    kolmogorov_smirnov,
    share,
)


def draws() -> np.random.Generator:
    return np.random.default_rng(0)


def test_every_division_has_as_many_items_as_the_observed_one_which_comes_first() -> None:
    found = divisions(7, 3, draws(), count=50)
    assert found[:, 0].tolist() == [0] * 7 + [1] * 3
    assert found.shape == (10, 51)
    assert (found.sum(0) == 3).all()
    assert len(np.unique(found, axis=1).T) > 30


def test_the_discrepancy_is_that_of_a_direct_double_sum() -> None:
    pooled, divided = draws().normal(size=(12, 3)), divisions(7, 5, draws(), count=4)
    distances = [np.square(a - b).sum() for a, b in itertools.combinations(pooled, 2)]
    width = np.median(distances)

    def mean_kernel(one: np.ndarray, other: np.ndarray, *, same: bool) -> float:
        pairs = [(i, j) for i in range(len(one)) for j in range(len(other)) if not (same and i == j)]
        return sum(math.exp(-np.square(one[i] - other[j]).sum() / width) for i, j in pairs) / len(pairs)

    for value, row in zip(discrepancy(pooled, divided), divided.T, strict=True):
        first, second = pooled[row == 0], pooled[row == 1]
        inside = mean_kernel(first, first, same=True) + mean_kernel(second, second, same=True)
        assert value == pytest.approx(inside - 2 * mean_kernel(first, second, same=False), abs=1e-12)


@pytest.mark.parametrize(
    "values", [draws().normal(size=30), draws().integers(0, 4, 30).astype(float)], ids=["", "ties"]
)
def test_kolmogorov_and_smirnov_agree_with_scipy(values: np.ndarray) -> None:
    divided = divisions(18, 12, draws(), count=9)
    for value, row in zip(kolmogorov_smirnov(values, divided), divided.T, strict=True):
        assert value == pytest.approx(stats.ks_2samp(values[row == 0], values[row == 1]).statistic, abs=1e-12)


def test_chi_square_and_shares_agree_with_scipy() -> None:
    labels, divided = draws().integers(0, 3, 40), divisions(25, 15, draws(), count=5)
    cells = labels[:, None] == np.arange(4)  # the last one never occurs
    for value, row in zip(chi_square(cells, divided), divided.T, strict=True):
        table = [[((labels == k) & (row == part)).sum() for k in range(3)] for part in (0, 1)]
        assert value == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)
    assert share(cells[:, 1], divided)[3] == pytest.approx(cells[divided[:, 3] == 1, 1].mean())


def test_p_values_are_those_of_all_divisions() -> None:
    """All 252 divisions of ten values into halves, as in scipy's exact test."""
    values = draws().normal(size=10) + np.repeat([0, 1.2], 5)
    every = np.array(
        [[k in chosen for k in range(10)] for chosen in itertools.combinations(range(9, -1, -1), 5)], np.int32
    )
    assert every[0].tolist() == [0] * 5 + [1] * 5
    found = judged({"ks": kolmogorov_smirnov(values, every.T)})["ks"]
    assert found.p == found.adjusted == pytest.approx(stats.ks_2samp(values[:5], values[5:], method="exact").pvalue)


def test_adjusted_p_values_know_how_tests_depend_on_one_another() -> None:
    values, divided = draws().normal(size=(8, 40)), divisions(25, 15, draws(), count=999)
    one = kolmogorov_smirnov(values[0], divided)
    same = judged({str(k): one for k in range(8)})
    assert all(test.adjusted == test.p for test in same.values())
    other = judged({str(k): kolmogorov_smirnov(each, divided) for k, each in enumerate(values)})
    assert all(test.p < test.adjusted <= min(1.0, 8 * test.p + 0.01) for test in other.values() if test.p < 0.5)


def test_samples_from_one_distribution_raise_an_alarm_at_the_level_asked() -> None:
    """Of 300 pairs of samples with six tests each; without the adjustment, about one in four would."""
    generator, alarms, naive = draws(), 0, 0
    for _ in range(300):
        divided = divisions(20, 10, generator, count=199)
        values = generator.normal(size=(6, 30))
        found = judged({str(k): kolmogorov_smirnov(each, divided) for k, each in enumerate(values)})
        alarms += min(test.adjusted for test in found.values()) <= 0.05
        naive += min(test.p for test in found.values()) <= 0.05
    assert alarms <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)
    assert naive > 300 * 0.1


def test_attributes_are_what_their_names_say() -> None:
    generator = draws()
    noisy = np.clip(128 + generator.normal(0, 10, (1, 64, 64, 1)), 0, 255).astype(np.uint8)
    found = attributes.measured(noisy)
    assert found["noise"][0] == pytest.approx(10, rel=0.05)
    assert found["brightness"][0] == pytest.approx(noisy.mean())
    assert found["contrast"][0] == pytest.approx(noisy.std())
    smooth = np.repeat(np.repeat(noisy[:, ::8, ::8], 8, 1), 8, 2)
    assert attributes.measured(smooth)["sharpness"][0] < found["sharpness"][0] / 4
    edge = np.zeros((1, 32, 32, 1), np.uint8)
    edge[:, :, 16:] = 200
    assert attributes.measured(edge)["noise"][0] < 1e-9  # a straight edge is no noise
    warm = np.broadcast_to(np.array([120, 100, 80], np.uint8), (2, 8, 8, 3))
    colors = attributes.measured(warm)
    assert colors["red - green"].tolist() == [20, 20]
    assert colors["blue - green"].tolist() == [-20, -20]
    assert colors["saturation"].tolist() == [40, 40]
