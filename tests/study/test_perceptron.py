"""Worked numbers of the study of the perceptron."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from darkroom.nets.mlp import MLP
from darkroom.study import toys
from darkroom.study.perceptron import experiment


def test_a_neuron_by_hand() -> None:
    x, w = np.array([1.0, 2.0, 3.0]), np.array([0.2, -0.1, 0.4])
    assert experiment.neuron(x, w, 0.5) == pytest.approx(1.7)
    assert experiment.neuron(x, -w, 0.5) == 0


@pytest.mark.parametrize("hidden", [(16, 12), (5,)])
def test_the_counted_parameters_are_those_of_the_network(hidden: tuple[int, ...]) -> None:
    network = MLP((1, 8, 8), 10, hidden=[*hidden])
    widths = [64, *hidden, 10]
    counted = sum(experiment.parameters(a, b) for a, b in itertools.pairwise(widths))
    assert counted == sum(p.numel() for p in network.parameters())


def test_the_neuron_by_hand_is_the_networks() -> None:
    with toys.seeded(0):
        network = MLP((1, 8, 8), 10, hidden=[7], dropout=0)
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    x, w, b, output = experiment.strongest(network, image)
    assert experiment.neuron(x, w, b) == pytest.approx(output, abs=1e-6)
    assert output == pytest.approx(float(network.features(image).detach().max()), abs=1e-6)


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(hidden=(3,), steps=2, seeds=2, train=20)
    assert found.numbers["parameters"] == 64 * 3 + 3 + 3 * 10 + 10
    assert found.numbers["off"] < 1e-5
