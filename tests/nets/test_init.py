"""Initial weights: the variances of their papers, PyTorch's own functions, and gains that keep a signal's size."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from darkroom import registry
from darkroom.nets import layers
from darkroom.nets.init import GAINS, initialize
from darkroom.settings import Section

OUTPUTS, INPUTS = 400, 300
TORCH: dict[str, Any] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "orthogonal": nn.init.orthogonal_,
    "he_uniform": lambda weight, gain: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "he_normal": lambda weight, gain: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
}


def options(name: str, **more: Any) -> Section:
    return registry.options("init", name).model_validate(more)


def filled(name: str, gain: float, shape: tuple[int, ...] = (OUTPUTS, INPUTS), **more: Any) -> Tensor:
    torch.manual_seed(0)
    weight = torch.empty(shape)
    registry.build(options(name, **more))(weight, gain)
    return weight


@pytest.mark.parametrize("shape", [(OUTPUTS, INPUTS), (16, 8, 3, 3)], ids=str)
@pytest.mark.parametrize("name", TORCH)
def test_weights_are_pytorchs_bit_for_bit(name: str, shape: tuple[int, ...]) -> None:
    expected = torch.empty(shape)
    torch.manual_seed(0)
    TORCH[name](expected, math.sqrt(2))
    assert torch.equal(filled(name, math.sqrt(2), shape), expected)


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("xavier_uniform", 2 / (INPUTS + OUTPUTS)),
        ("xavier_normal", 2 / (INPUTS + OUTPUTS)),
        ("he_uniform", 1 / INPUTS),
        ("he_normal", 1 / INPUTS),
    ],
)
def test_the_variance_is_that_of_the_paper(name: str, variance: float, gain: float) -> None:
    weight = filled(name, gain)
    assert float(weight.var()) == pytest.approx(gain**2 * variance, rel=0.02)
    assert float(weight.mean()) == pytest.approx(0, abs=0.01 * math.sqrt(variance))


def test_normal_and_constant_weights_follow_their_options() -> None:
    assert float(filled("normal", 5.0, std=0.3).std()) == pytest.approx(0.3, rel=0.02)
    assert (filled("constant", 5.0, value=-2.0) == -2).all()
    assert (filled("zero", 5.0) == 0).all()


def test_orthogonal_rows_have_norm_gain() -> None:
    weight = filled("orthogonal", 3.0, (20, 30))
    assert torch.allclose(weight @ weight.T, 9 * torch.eye(20), atol=1e-4)


@pytest.mark.parametrize("name", GAINS)
def test_gains_are_pytorchs_or_keep_the_second_moment(name: Any) -> None:
    if name in ("relu", "leaky_relu", "tanh", "sigmoid"):
        slope = layers.LEAK if name == "leaky_relu" else None
        assert GAINS[name] == pytest.approx(nn.init.calculate_gain(name, slope))
    if name in ("tanh", "sigmoid"):
        return  # PyTorch's are conventions
    z = torch.linspace(-12, 12, 2_000_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    function = layers.activation(name).double()
    with torch.no_grad():
        moment = torch.trapezoid(function(z) ** 2 * density, z)
    assert GAINS[name] == pytest.approx(float(moment) ** -0.5, rel=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "prelu", "elu", "identity"])
def test_a_deep_network_keeps_the_size_of_a_signal_with_the_gain_that_fits(name: Any) -> None:
    torch.manual_seed(0)
    deep = registry.load("network", "mlp")((1, 16, 16), 5, hidden=[256] * 20, activation=name, dropout=0.0)
    x = torch.randn(64, 1, 16, 16)
    with torch.no_grad():
        initialize(deep, options("he_normal"), name, last=deep.head)
        kept = float(deep.features(x).square().mean())
        initialize(deep, options("normal"), name, last=deep.head)
        vanished = float(deep.features(x).square().mean())
    assert 0.1 < kept * GAINS[name] ** 2 < 10
    assert vanished < 1e-6


def test_all_layers_are_filled_and_the_last_without_a_gain() -> None:
    torch.manual_seed(0)
    network = registry.load("network", "resnet")((3, 16, 16), 50, init=options("he_normal"))
    layered = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for module in layered:
        gain = 1 if isinstance(module, nn.Linear) else math.sqrt(2)
        assert float(module.weight.detach().std()) == pytest.approx(gain / math.sqrt(module.weight[0].numel()), rel=0.1)
        assert module.bias is None or not module.bias.any()
