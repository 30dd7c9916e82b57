"""Symmetry and the variance of signals, against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.nets.init import constant, normal
from darkroom.registry import chosen
from darkroom.study.initialization.experiment import INITS, expected, signal, stack, symmetry, train

INPUTS = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(64) % 10


def test_equal_weights_stay_equal_and_random_ones_do_not() -> None:
    equal = symmetry(chosen(constant), INPUTS, LABELS, steps=100)
    assert equal["gradient"] == 0
    assert equal["largest"] > 1e-4
    assert equal["rank"] == 1
    assert max(equal["distances"]) == 0
    assert symmetry(chosen(normal), INPUTS, LABELS, steps=5)["rank"] == 32


@pytest.mark.parametrize("init", INITS)
def test_relu_layers_multiply_the_second_moment_as_expected(init: str) -> None:
    found = [signal("relu", init, INPUTS, LABELS, depth=6, width=256, seed=seed)[0] for seed in range(4)]
    factor = float(np.exp(np.mean([np.log(f[-1] / f[0]) / 5 for f in found])))
    assert factor == pytest.approx(expected(init, 256), rel=0.1)


def test_tanh_saturates_under_a_variance_of_one() -> None:
    forward, _ = signal("tanh", "normal(1)", INPUTS, LABELS, depth=4, width=256, seed=0)
    assert forward.min() > 0.8


def test_a_loss_that_is_not_finite_ends_a_training() -> None:
    network = torch.nn.Linear(64, 10)
    losses, right = train(network, (INPUTS * 1e30, LABELS), (INPUTS, LABELS), rate=1e30, steps=8, seed=0)
    assert np.isfinite(losses).all()
    assert len(losses) == 8
    assert right.shape == (64,)


def test_training_lowers_the_loss_and_finds_the_classes() -> None:
    network = stack("relu", "He", depth=2, width=32, inputs=64, outputs=10, seed=0).float()
    losses, right = train(network, (INPUTS, LABELS), (INPUTS, LABELS), rate=0.05, steps=60, seed=0)
    assert losses[-1] < losses[0] / 3
    assert right.mean() > 0.9
