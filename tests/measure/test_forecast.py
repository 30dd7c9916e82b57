from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from darkroom.measure.forecast import forecast
from darkroom.measure.learning_curve import Curve, measure, nested_order, share_sizes


def power_law(noise: float) -> Curve:
    generator = np.random.default_rng(0)
    sizes = share_sizes(400, 2)
    errors = [tuple(0.1 + 2 * size**-0.6 + noise * generator.normal(size=10)) for size in sizes[:-1]]
    return Curve(sizes, (*errors, (0.1 + 2 * 400**-0.6,)))


def test_a_clean_power_law_is_extrapolated() -> None:
    found = forecast(power_law(0.001), 400, test=1000)
    truth = 2 * (400**-0.6 - 800**-0.6)
    assert found is not None
    assert found.value == pytest.approx(truth, abs=0.004)
    assert found.low < truth < found.high


def test_noise_widens_the_interval() -> None:
    exact, noisy = (forecast(power_law(noise), 200, test=1000) for noise in (0.001, 0.02))
    assert exact is not None
    assert noisy is not None
    assert noisy.high - noisy.low > 2 * (exact.high - exact.low)


def test_too_short_a_curve_has_no_forecast() -> None:
    assert forecast(Curve((10, 14, 20), ((0.3, 0.2), (0.2, 0.1), (0.1,))), 10, test=100) is None


def test_shares_are_nested_stratified_and_keep_groups_adjacent() -> None:
    labels = np.array([0] * 60 + [1] * 20)
    groups = np.arange(80) // 2
    order = nested_order(labels, groups, seed=1)
    assert sorted(order) == list(range(80))
    assert all(abs((labels[order[:size]] == 1).mean() - 0.25) < 0.1 for size in (20, 40, 60))
    assert all(
        abs(int(np.flatnonzero(order == 2 * g)[0]) - int(np.flatnonzero(order == 2 * g + 1)[0])) == 1 for g in range(40)
    )
    assert list(order) == list(nested_order(labels, groups, seed=1))


def test_larger_shares_of_a_draw_contain_smaller_ones() -> None:
    seen: list[set[int]] = []

    def fit(rows: np.ndarray) -> float:
        seen.append(set(rows.tolist()))
        return 0.0

    curve = measure(fit, np.arange(100), np.arange(100) % 2, np.arange(100), draws=1, seed=0)
    assert [len(rows) for rows in seen] == list(curve.sizes)
    assert all(small < large for small, large in pairwise(seen))
