from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.measure.bootstrap import intervals, mean_intervals, resample, without_flat
from darkroom.measure.ranking import auroc


def test_every_resample_holds_as_many_items() -> None:
    counts = resample(50, 200, np.random.default_rng(0))
    assert counts.shape == (200, 50)
    assert (counts.sum(1) == 50).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.05)  # multinomial


def test_an_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    found = mean_intervals({"x": values}, resamples=2000, generator=np.random.default_rng(1))["x"]
    assert found["value"] == pytest.approx(values.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2000), rel=0.1)
    assert found["low"] < found["value"] < found["high"]


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        found = mean_intervals({"x": generator.random(200)}, resamples=300, generator=generator)["x"]
        covered += found["low"] <= 0.5 <= found["high"]
    assert 0.89 <= covered / 200 <= 0.99


def test_one_seed_gives_one_interval() -> None:
    values = np.arange(30.0)
    found = [
        mean_intervals({"x": values}, resamples=50, generator=np.random.default_rng(seed))["x"] for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]


def test_what_cannot_be_had_says_why() -> None:
    labels, scores = np.ones(5), np.arange(5.0)
    found = intervals(
        lambda w: {"auroc": auroc(labels, scores, w)}, 5, resamples=10, generator=np.random.default_rng(0)
    )
    assert found["auroc"] == {"value": None, "reason": "needs items of more than one kind"}


def test_resamples_without_the_rare_kind_are_left_out() -> None:
    labels, scores = np.arange(6) == 5, np.arange(6.0)
    found = intervals(lambda w: {"a": auroc(labels, scores, w)}, 6, resamples=100, generator=np.random.default_rng(0))
    assert found["a"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_one_resample_and_no_items() -> None:
    assert (
        mean_intervals({"x": np.array([2.0, 4.0])}, resamples=1, generator=np.random.default_rng(0))["x"]["value"] == 3
    )
    with pytest.raises(ValueError, match="no items"):
        mean_intervals({"x": np.array([])}, resamples=1, generator=np.random.default_rng(0))


def test_is_fast() -> None:
    generator = np.random.default_rng(0)
    labels = generator.random(10_000) < 0.3
    scores = generator.normal(size=10_000) + labels
    started = time.monotonic()
    intervals(lambda w: {"a": auroc(labels, scores, w)}, 10_000, resamples=1000, generator=generator)
    assert time.monotonic() - started < 10  # about 1 s on an idle core


def test_a_biased_number_lies_inside_its_interval() -> None:
    """A sum of absolute values over bins grows in every resample, as the calibration error does."""
    random = np.random.default_rng(3)
    gaps, bins = random.standard_normal(60) * 0.4, np.eye(15)[random.integers(0, 15, 60)]

    def error(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"error": np.abs(weights @ (bins * gaps[:, None])).sum(1) / weights.sum(1)}

    def found(*biased: str) -> dict[str, float]:
        draws = np.random.default_rng(0)
        return intervals(error, 60, resamples=1000, generator=draws, biased=biased)["error"]

    assert (found()["low"] + found()["high"]) / 2 > found()["value"] * 1.1
    assert found("error")["low"] < found("error")["value"] < found("error")["high"]
    assert found("error")["low"] >= 0


def test_no_interval_without_a_width() -> None:
    kept = without_flat(
        {
            "a": {"value": 1, "low": 1, "high": 1},
            "b": {"value": 1, "low": 0, "high": 1},
            "c": {"value": None, "reason": ""},
        }
    )
    assert kept == {"a": {"value": 1}, "b": {"value": 1, "low": 0, "high": 1}, "c": {"value": None, "reason": ""}}
