"""Surfaces, paths and conventions of the study of optimizers."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.study.landscapes.experiment import conventions, thrown
from darkroom.study.landscapes.paths import OPTIMIZERS, momentum_inside, path, sweep
from darkroom.study.landscapes.surfaces import SURFACES

MINIMA = {"plateau": (1, 1), "cliff": (np.log(119) / 8, 0), "ravine": (1, 1), "saddle": (0, 1)}


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_are_those_of_the_values_and_minima_are_zero(name: str) -> None:
    surface, step = SURFACES[name], 1e-6
    left, right, bottom, top = surface.window
    for x, y in np.random.default_rng(0).uniform((left, bottom), (right, top), (20, 2)):
        across = (surface.value(x + step, y) - surface.value(x - step, y)) / (2 * step)
        up = (surface.value(x, y + step) - surface.value(x, y - step)) / (2 * step)
        assert surface.gradient(x, y) == pytest.approx((across, up), rel=1e-4, abs=1e-6)
    assert surface.value(*MINIMA[name]) == pytest.approx(0, abs=1e-9)
    assert surface.gradient(*MINIMA[name]) == pytest.approx((0, 0), abs=1e-9)


def test_gradient_descent_in_the_ravine_follows_its_closed_form() -> None:
    points = path(SURFACES["ravine"], "GD", 0.01, steps=30)
    n = np.arange(31)
    assert points[:, 0] == pytest.approx(1 - 4 * 0.99**n)
    assert points[:, 1] == pytest.approx(1 + 0.5 * 0.0**n)
    swept = sweep(SURFACES["ravine"], "GD", [0.015, 0.021], steps=400, tolerance=0.01)
    assert np.isfinite(swept.needed[0])
    assert np.isinf(swept.needed[1])  # beyond 2 / 100 it diverges across
    assert swept.best == 0


def test_textbook_momentum_is_pytorchs_until_the_rate_changes() -> None:
    found = conventions()
    assert found["constant"] < 1e-12
    assert found["dropped"] > 0.1
    assert found["outside"] == pytest.approx(1, abs=0.01)
    g = abs(SURFACES["plateau"].gradient(5.5, 3.25)[0])
    assert found["inside"] == pytest.approx(g / np.sqrt(g**2 + 1e-8), rel=1e-6)
    saddle = SURFACES["saddle"]
    assert momentum_inside(saddle, 0.1, steps=9) == pytest.approx(path(saddle, "momentum", 0.1, steps=9))


def test_clipping_keeps_gradient_descent_at_the_cliff() -> None:
    rates = [float(10**power) for power in np.arange(-1, 0.6, 0.25)]
    found = thrown(
        SURFACES["cliff"], sweep(SURFACES["cliff"], "GD", rates, steps=100, tolerance=0.01), clip=1, steps=100
    )
    assert found["far"] > 2 * found["start"]
    assert found["clipped_far"] <= found["start"] + found["rate"]
    assert found["gradient"] > 10


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_leaves_the_saddle(name: str) -> None:
    assert path(SURFACES["saddle"], name, 0.05, steps=300)[-1] == pytest.approx([0, 1], abs=0.1)
