"""Worked numbers of the study of backpropagation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from darkroom.study.backpropagation import by_hand, experiment

GIVEN = {"x": 2.0, "w1": 0.5, "b1": -0.3, "w2": 1.2, "b2": 0.1}


def test_the_worked_graph() -> None:
    values = by_hand.forward(**GIVEN)
    h = math.tanh(0.7)
    p = 1 / (1 + math.exp(-(1.2 * h + 0.1)))
    assert (values["z1"], values["h"], values["p"]) == (pytest.approx(0.7), pytest.approx(h), pytest.approx(p))
    found = by_hand.backward(values)
    assert found["z2"] == pytest.approx(p - 1)
    assert found["w1"] == pytest.approx((p - 1) * 1.2 * (1 - h**2) * 2)


@pytest.mark.parametrize("more", [{}, {"w1": -3.0}, {"w2": 0.0}, {"x": 0.0, "b2": -4.0}])
def test_hand_autograd_and_differences_agree(more: dict[str, float]) -> None:
    given = {**GIVEN, **more}
    hand = by_hand.backward(by_hand.forward(**given))
    assert hand == pytest.approx(by_hand.autograd(**given), abs=1e-12)
    near = by_hand.differences(**given)
    assert {name: hand[name] for name in near} == pytest.approx(near, abs=1e-8)


def test_identity_activations_leave_products_of_weights() -> None:
    y, slopes = by_hand.chain((2.0, -1.0, 0.5), 3.0)
    assert (y, slopes) == (-3.0, [-1.5, 3.0, -6.0])
    assert experiment.chain_autograd((2.0, -1.0, 0.5)) == by_hand.chain((2.0, -1.0, 0.5), 1.0)[1]


def test_all_gradients_of_a_network_on_digits() -> None:
    assert experiment.digits_deviation(8) < 1e-12


def test_the_gradients_mean_square_is_a_power_of_the_scale() -> None:
    squares = [experiment.gradient_norm(3, 32, 0.8, seed) ** 2 for seed in range(300)]
    assert np.mean(squares) == pytest.approx(0.8**6, rel=0.15)


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(depths=(1, 2), width=4, seeds=2, hidden=3)
    assert found.numbers["off"] < 1e-12
    assert len(found.tables["graph"].rows) == 10
