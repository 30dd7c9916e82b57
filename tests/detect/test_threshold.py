from __future__ import annotations

import math

import numpy as np
import pytest

from darkroom.detect.threshold import from_normals


@pytest.mark.parametrize("items", [1, 5, 19, 20, 50, 999])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_flags_at_most_the_stated_share_of_the_normals_it_was_set_on(items: int, rate: float) -> None:
    scores = np.random.default_rng(items).normal(size=items)
    found = from_normals(scores, rate)
    assert (scores > found.value).mean() <= rate
    if items >= 1 / rate - 1:
        assert (scores >= found.value).mean() > 0
        assert f"rank {math.ceil((1 - rate) * (items + 1) - 1e-9)} of the {items}" in found.rule


def test_keeps_its_promise_on_new_normals() -> None:
    generator = np.random.default_rng(0)
    rates = []
    for _ in range(2000):
        scores = generator.exponential(size=50)
        rates.append((generator.exponential(size=100) > from_normals(scores, 0.05).value).mean())
    assert 0.03 < np.mean(rates) <= 0.05


def test_too_few_normals_are_told() -> None:
    found = from_normals(np.arange(10.0), 0.05)
    assert found.value == 9
    assert "too few to promise a false-alarm rate of 5 % (that takes 19)" in found.rule
    assert "too few" not in from_normals(np.arange(19.0), 0.05).rule
    with pytest.raises(ValueError, match=r"data\.split\.val"):
        from_normals(np.array([]), 0.05)
