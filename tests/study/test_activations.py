"""Worked numbers of the study of activations."""

from __future__ import annotations

import math

import pytest
import torch

from darkroom.nets.layers import activation
from darkroom.study import training
from darkroom.study.activations import experiment
from darkroom.study.activations.functions import ALL, Activation, softmax_jacobian

GRID = torch.linspace(-40, 40, 800_001, dtype=torch.float64)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_table_of_the_notes_holds(one: Activation) -> None:
    assert experiment.deviation(one) < 1e-12
    with torch.inference_mode():
        values = activation(one.name).double()(GRID)
    assert float(values.min()) == pytest.approx(one.low, abs=1e-6) or (math.isinf(one.low) and values.min() < -3)
    assert float(values.max()) == pytest.approx(one.high, abs=1e-6) or (math.isinf(one.high) and values.max() > 39)
    assert float(one.derivative(GRID).max()) == pytest.approx(one.steepest, abs=1e-6)


def test_sigmoids_are_steepest_in_the_middle() -> None:
    sigmoid, tanh = ALL[:2]
    assert float(experiment.slope(sigmoid, torch.zeros(1))) == 0.25
    assert float(experiment.slope(tanh, torch.zeros(1))) == 1


@pytest.mark.parametrize("z", [[2.0, 1.0, 0.1], [0.0, 0.0], [5.0, -5.0, 1.0, 2.0]])
def test_the_jacobian_of_the_softmax(z: list[float]) -> None:
    logits = torch.tensor(z, dtype=torch.float64)
    found = softmax_jacobian(logits)
    assert torch.allclose(found, experiment.jacobian(logits), atol=1e-12)
    assert torch.allclose(found.sum(1), torch.zeros(len(z), dtype=torch.float64), atol=1e-12)
    assert torch.equal(found, found.T)


def test_gradients_vanish_through_sigmoids_and_not_through_relu() -> None:
    store = training.digits()
    ratios = {name: experiment.first_to_last(name, 8, 32, 0, store) for name in ("sigmoid", "tanh")}
    assert ratios["sigmoid"] < 1e-2 < 0.1 < ratios["tanh"]


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(depths=(2, 3), width=8, hidden=4, steps=2, train=20, seeds=2)
    assert found.numbers["off"] < 1e-12
    assert set(found.tables) == {"notes", "dead"}
