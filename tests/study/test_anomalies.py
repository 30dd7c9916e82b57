"""Thresholds keep the false-alarm rate they promise, only if they are set on held-out scores."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.study.anomalies.experiment import Scored
from darkroom.study.training import digits, divide, placed


def drawn(seed: int, shift: float) -> Scored:
    """Return normal scores from one distribution, except that training scores are lower, and shifted anomalous ones."""
    generator = np.random.default_rng(seed)
    val, test = generator.normal(size=99), generator.normal(size=400)
    anomalous = np.arange(400) < 200
    return Scored(generator.normal(size=500) - 1, val, test + shift * anomalous, anomalous)


def test_thresholds_from_held_out_scores_keep_their_promise() -> None:
    alarms = [drawn(seed, 2.0).flagged(0.05)[0] for seed in range(200)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.005)  # rank 95 of 99: exactly .05 on average
    careless = [drawn(seed, 2.0).flagged(0.05, of="train")[0] for seed in range(200)]
    assert np.mean(careless) > 0.2


def test_area_is_that_of_two_normal_distributions() -> None:
    """AUROC = Φ(shift / √2), .9214 for a shift of 2."""
    assert np.mean([drawn(seed, 2.0).area for seed in range(100)]) == pytest.approx(0.9214, abs=0.005)


def test_splits_of_a_division() -> None:
    store = digits()
    division = divide(store, train=100, val=50, test=100, seed=0)
    found = placed(store, division)
    assert [*found.rows("val")] == [*division.val]
    assert (found.items["split"] == "unused").sum() == len(store.samples) - 250
