from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from darkroom.detect.evaluation.threshold import from_anomalies, from_labels, from_normals, from_tail


@pytest.mark.parametrize("items", [1, 5, 19, 20, 50, 999])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_flags_at_most_the_stated_share_of_the_normals_it_was_set_on(items: int, rate: float) -> None:
    scores = np.random.default_rng(items).normal(size=items)
    found = from_normals(scores, rate)
    assert (scores > found.value).mean() <= rate
    if items >= 1 / rate - 1:
        assert (scores >= found.value).mean() > 0
        assert f"rank {math.ceil((1 - rate) * (items + 1) - 1e-9)} among the {items}" in found.rule


def test_keeps_its_promise_on_new_normals() -> None:
    generator = np.random.default_rng(0)
    rates = []
    for _ in range(2000):
        scores = generator.exponential(size=50)
        rates.append((generator.exponential(size=100) > from_normals(scores, 0.05).value).mean())
    assert 0.03 < np.mean(rates) <= 0.05


def test_too_few_normals_are_reported() -> None:
    found = from_normals(np.arange(10.0), 0.05)
    assert found.value == 9
    assert "too few to guarantee a false-alarm rate of 5 %, which needs 19" in found.rule
    assert "too few" not in from_normals(np.arange(19.0), 0.05).rule
    with pytest.raises(ValueError, match=r"data\.split\.val"):
        from_normals(np.array([]), 0.05)


def pareto(generator: np.random.Generator, shape: float, items: int) -> np.ndarray:
    """Scores with a generalised Pareto tail."""
    share = generator.uniform(size=items)
    return (share**-shape - 1) / shape if shape else -np.log(share)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
def test_the_tail_fit_gives_the_stated_rate_beyond_the_scores_seen(shape: float) -> None:
    """One false alarm in a thousand, from 200 normal images: the quantile can only give the largest, one in 201."""
    generator = np.random.default_rng(0)
    rates = {from_tail: [], from_normals: []}
    exact = (0.001**-shape - 1) / shape if shape else -math.log(0.001)
    found = []
    for _ in range(400):
        scores = pareto(generator, shape, 200)
        fresh = pareto(generator, shape, 20_000)
        for rule, kept in rates.items():
            kept.append((fresh > rule(scores, 0.001).value).mean())
        found.append(from_tail(scores, 0.001).value)
    assert np.median(found) == pytest.approx(exact, rel=0.2)
    assert np.mean(rates[from_tail]) < 0.003 < 0.004 < np.mean(rates[from_normals])


def test_a_tail_that_cannot_be_fitted_is_the_quantile() -> None:
    few = np.arange(15.0)
    assert from_tail(few, 0.05).value == from_normals(few, 0.05).value
    assert "an extreme-value fit needs at least 20 images" in from_tail(few, 0.05).rule
    alike = np.ones(100)
    assert from_tail(alike, 0.05) == from_normals(alike, 0.05)
    many = np.random.default_rng(0).normal(size=100)
    assert from_tail(many, 0.3) == from_normals(many, 0.3)


def test_the_best_f1_is_that_of_no_other_threshold() -> None:
    generator = np.random.default_rng(0)
    unusual = generator.uniform(size=200) < 0.3
    scores = np.round(generator.normal(size=200) + 2 * unusual, 1)
    found = from_labels(scores, unusual)
    f1 = metrics.f1_score(unusual, scores > found.value)
    assert f1 == max(metrics.f1_score(unusual, scores > value) for value in np.linspace(-4, 6, 1001))
    assert f"{f1:.3f}, on {(~unusual).sum()} normal and {unusual.sum()} anomalous" in found.rule


def test_the_best_f1_may_flag_all() -> None:
    assert (np.zeros(3) > from_labels(np.zeros(3), np.array([True, True, False])).value).all()


def test_the_best_f1_needs_both_kinds() -> None:
    for unusual, kind in ((False, "anomalous"), (True, "normal")):
        with pytest.raises(ValueError, match=f"no validation image is {kind}; set it to quantile"):
            from_labels(np.arange(4.0), np.full(4, unusual))


@pytest.mark.parametrize("items", [1, 10, 19, 20, 50, 999])
@pytest.mark.parametrize("recall", [0.8, 0.95])
def test_a_recall_is_kept_on_the_anomalies_that_it_was_set_on(items: int, recall: float) -> None:
    scores = np.random.default_rng(items).normal(size=items)
    found = from_anomalies(scores, recall)
    assert (scores > found.value).mean() >= recall
    assert ("too few" in found.rule) == (items < round(1 / (1 - recall)) - 1)


def test_a_recall_is_kept_on_new_anomalies() -> None:
    generator = np.random.default_rng(0)
    rates = []
    for _ in range(2000):
        scores = generator.exponential(size=50)
        rates.append((generator.exponential(size=100) > from_anomalies(scores, 0.9).value).mean())
    assert 0.9 <= np.mean(rates) < 0.93


def test_a_recall_needs_anomalies() -> None:
    with pytest.raises(ValueError, match=r"detect\.threshold: recall needs anomalous validation images"):
        from_anomalies(np.array([]), 0.9)
