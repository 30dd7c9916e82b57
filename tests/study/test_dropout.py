"""Dropout's worked numbers, and the equality of its two conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from darkroom.nets.layers import ClassicDropout
from darkroom.nets.mlp import MLP
from darkroom.study.dropout import worked
from darkroom.study.dropout.experiment import agreement, divided, simulate
from darkroom.study.training import Trained


def test_the_five_worked_examples() -> None:
    found: dict[str, Any] = {**worked.examples()}
    assert found["a"] == pytest.approx(
        {"inverted_train": 10, "inverted_test": 8, "classic_train": 8, "classic_test": 6.4, "slip": 10}
    )
    assert found["b"]["exactly_14"] == pytest.approx(0.1916, abs=5e-5)
    assert found["b"]["exactly_14"] == pytest.approx(stats.binom.pmf(14, 20, 0.7))
    assert found["b"]["std"] == pytest.approx(stats.binom.std(20, 0.7))
    assert found["c"]["inverted_train"] == [2, 0, 6, 0]
    assert found["c"]["classic_test"] == [0.5, 1, 1.5, 2]
    assert found["c"]["slip"] == [2, 4, 6, 8]
    assert found["d"] == pytest.approx({"inverted": 1.25, "classic": -0.375, "slip": 4.5})
    assert found["e"]["masks"] == 16
    assert found["e"]["mean"] == pytest.approx(found["e"]["test"])
    assert found["e"]["std"] == pytest.approx(found["e"]["std_formula"])
    assert found["e"]["relu_mean"] > found["e"]["relu_test"]  # Jensen: the equality ends at the first nonlinearity


@pytest.mark.parametrize("q", [0.2, 0.5, 0.9])
def test_each_convention_is_exact_in_expectation_and_the_slip_is_not(q: float) -> None:
    h = np.array([0.3, 2.0, 1.5])
    masks = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], float)
    chances = np.prod(np.where(masks == 1, q, 1 - q), axis=1)
    for convention in (worked.inverted, worked.scaled_in_testing):
        mean = sum(p * convention(h, mask, q).train for p, mask in zip(chances, masks, strict=True))
        assert mean == pytest.approx(convention(h, masks[0], q).test)
        assert mean != pytest.approx(convention(h, masks[0], q).slip)


def test_the_simulation_agrees_with_both_conventions() -> None:
    found = simulate(torch.tensor([0.0, 1.0, 2.5, 0.4]), 0.3, 3000, seed=1)
    assert found["inverted_error"] < found["bound"]
    assert found["classic_error"] < found["bound"]
    assert found["ratio"] == pytest.approx(0.7, abs=0.03)
    assert found["bound"] == pytest.approx(stats.norm.ppf((1 + 0.99 ** (1 / 3)) / 2))


def test_the_slip_multiplies_what_a_layer_receives() -> None:
    torch.manual_seed(0)
    network = MLP((1, 4, 4), 3, hidden=[8], dropout=0.4, dropout_scale="test").eval()
    model = Trained(network, None, None)  # type: ignore[arg-type]
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), np.uint8)
    assert agreement(model, 0.4, images) < 1e-5
    bias = network.head.bias.detach().numpy()
    ratio = (divided(model, 0.4).logits(images) - bias) / (model.logits(images) - bias)
    assert ratio == pytest.approx(1 / 0.6**2, rel=1e-4)
    assert any(isinstance(module, ClassicDropout) and module.rate == 0.4 for module in network.modules())
