"""The interval of a mean over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkroom.measure.seeds import t_interval


@pytest.mark.parametrize("seeds", [2, 3, 31, 60])
def test_the_interval_agrees_with_scipy(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(size=seeds).tolist()
    expected = (np.mean(values), *stats.t.interval(0.95, seeds - 1, np.mean(values), stats.sem(values)))
    assert t_interval(values) == pytest.approx(expected)


def test_one_value_has_no_spread() -> None:
    with pytest.raises(ValueError, match="two or more"):
        t_interval([0.5])
