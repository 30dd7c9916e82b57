"""Corrected intervals of repeated trainings, against the closed form and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from darkroom.measure.resampled import corrected_interval, corrected_test, corrected_variance, holm
from darkroom.measure.seeds import t_interval

SCORES = (0.91, 0.88, 0.93, 0.90, 0.86)


def test_the_interval_is_the_closed_form() -> None:
    mean = sum(SCORES) / 5
    squares = sum((score - mean) ** 2 for score in SCORES) / 4
    half = 2.7764451051977987 * math.sqrt((1 / 5 + 1 / 4) * squares)  # t quantile at .975 with 4 degrees of freedom
    found = corrected_interval(SCORES, ratio=1 / 4)
    assert found["value"] == pytest.approx(mean)
    assert (found["low"], found["high"]) == pytest.approx((mean - half, mean + half))


def test_without_overlap_it_is_the_t_interval_and_the_paired_t_test() -> None:
    found = corrected_interval(SCORES, ratio=0)
    assert tuple(found.values()) == pytest.approx(t_interval(SCORES))
    other = np.array([0.90, 0.85, 0.90, 0.90, 0.85])
    assert corrected_test(np.array(SCORES) - other, 0) == pytest.approx(stats.ttest_rel(SCORES, other).pvalue)


def test_equal_scores_do_not_differ_and_constant_differences_do() -> None:
    assert corrected_test([0.0, 0.0], 0.5) == 1
    assert corrected_test([0.1, 0.1], 0.5) == 0
    with pytest.raises(ValueError, match="two or more"):
        corrected_variance([0.5], 0.1)


def test_the_naive_interval_is_too_narrow_and_the_corrected_one_is_not() -> None:
    """Nearest-mean classifiers in repeated 5-fold cross-validation; the truth is the mean accuracy over training sets."""
    generator, images, repeats, runs = np.random.default_rng(0), 40, 10, 400
    values, truth = [], []
    for _ in range(runs):
        labels = np.arange(images) % 2
        x = generator.normal(size=images) + labels
        scores = []
        for _ in range(repeats):
            fold = generator.permutation(np.arange(images) // 2 % 5 * 2 + labels) // 2
            for k in range(5):
                held, kept = fold == k, fold != k
                means = [x[kept & (labels == c)].mean() for c in (0, 1)]
                middle, up = sum(means) / 2, means[1] > means[0]
                scores.append(float((((x[held] > middle) == up) == labels[held].astype(bool)).mean()))
                truth.append(0.5 + (1 if up else -1) * (stats.norm.cdf(middle) - stats.norm.cdf(middle - 1)) / 2)
        values.append(scores)
    true = float(np.mean(truth))

    def coverage(ratio: float) -> float:
        found = [corrected_interval(scores, ratio) for scores in values]
        return float(np.mean([one["low"] <= true <= one["high"] for one in found]))

    assert coverage(0.0) < 0.65
    assert coverage(1 / 4) > 0.9


def test_holm_is_monotone_and_keeps_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
