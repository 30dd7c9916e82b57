"""Worked numbers of the study of nonlinearity."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from darkroom.study import toys
from darkroom.study.nonlinearity import experiment


def test_linear_layers_collapse_into_one() -> None:
    assert experiment.collapsed(5) < 1e-6


def test_two_units_by_hand_solve_xor() -> None:
    assert experiment.xor_by_hand().tolist() == [0, 1, 1, 0]


def test_no_line_gets_more_than_three_points_of_xor_right() -> None:
    points, classes = (part.numpy() for part in toys.XOR)
    best = 0
    for w1, w2, b in itertools.product(np.linspace(-2, 2, 21), repeat=3):
        best = max(best, int(((points @ [w1, w2] + b > 0) == classes).sum()))
    assert best == 3


def test_the_curve_is_met_at_every_knot() -> None:
    knots = np.linspace(0, 1, 9)
    assert experiment.interpolation(8, knots) == pytest.approx(experiment.target(knots), abs=1e-12)
    between = np.linspace(0, 1, 101)
    assert experiment.interpolation(8, between) == pytest.approx(np.interp(between, knots, experiment.target(knots)))


def test_doubling_the_units_quarters_the_error() -> None:
    assert experiment.interpolation_error(128) / experiment.interpolation_error(256) == pytest.approx(4, rel=0.05)


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(seeds=2, steps=5, widths=(1, 2), points=20, units=(2, 4))
    assert set(found.figures) == {"moons", "curve"}
    assert len(found.tables["moons"].rows) == 3
