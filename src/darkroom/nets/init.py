"""Initial weights of networks: `init` names one of these for all linear and convolutional layers.

Each is a function that fills a weight, given the gain of the activation that follows. The gain keeps the variance of a signal
across a layer: PyTorch's for ReLU, leaky ReLU, tanh, sigmoid and the identity; for the others 1 / sqrt(E[f(z)²]) with z
standard normal, which is the derivation of He et al. 2015 and gives PyTorch's values for both ReLUs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from darkroom import registry
from darkroom.nets.layers import LEAK
from darkroom.nets.options import Activations
from darkroom.registry import register
from darkroom.settings import Positive, Section

Fill = Callable[[Tensor, float], Any]
"""Fills a weight (outputs, inputs, ...) in place, given a gain."""
GAINS: dict[Activations, float] = {
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + LEAK**2)),
    "prelu": math.sqrt(2 / (1 + 0.25**2)),  # its initial slope
    "elu": 1.2451983,
    "gelu": 1.5335304,
    "silu": 1.6765325,
    "tanh": 5 / 3,
    "sigmoid": 1.0,
    "identity": 1.0,
}


def initialize(network: nn.Module, init: Section | None, activation: Activations, *, last: nn.Linear) -> None:
    """Fill the weights of all linear and convolutional layers and set their biases to 0; with None, leave them as they are.

    The gain is the activation's, and 1 for the `last` layer, which no activation follows.
    """
    if init is None:
        return
    fill: Fill = registry.build(init)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            fill(module.weight, 1.0 if module is last else GAINS[activation])
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialize_convolutions(network: nn.Module, activation: Activations) -> None:
    """Fill the weights of convolutions as in He et al. 2015, the default of convolutional networks."""
    fill = he_normal()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fill(module.weight, GAINS[activation])


@register("init", "zero")
def zero() -> Fill:
    """All weights 0: every unit of a layer stays like every other, and without a gradient."""
    return lambda weight, gain: nn.init.zeros_(weight)


@register("init", "constant")
def constant(*, value: Annotated[float, Field(description="every weight")] = 0.01) -> Fill:
    """All weights equal: every unit of a layer stays like every other."""
    return lambda weight, gain: nn.init.constant_(weight, value)


@register("init", "normal")
def normal(*, std: Annotated[Positive, Field(description="standard deviation of the weights")] = 0.01) -> Fill:
    """Normal with the same spread in every layer, whatever its width (Krizhevsky et al. 2012)."""
    return lambda weight, gain: nn.init.normal_(weight, 0, std)


@register("init", "xavier_uniform")
def xavier_uniform() -> Fill:
    """Uniform with variance 2 gain² / (inputs + outputs) (Glorot & Bengio 2010)."""
    return nn.init.xavier_uniform_


@register("init", "xavier_normal")
def xavier_normal() -> Fill:
    """Normal with variance 2 gain² / (inputs + outputs) (Glorot & Bengio 2010)."""
    return nn.init.xavier_normal_


@register("init", "he_uniform")
def he_uniform() -> Fill:
    """Uniform with variance gain² / inputs (He et al. 2015)."""

    def fill(weight: Tensor, gain: float) -> None:
        bound = math.sqrt(3) * gain / math.sqrt(weight[0].numel())
        nn.init.uniform_(weight, -bound, bound)

    return fill


@register("init", "he_normal")
def he_normal() -> Fill:
    """Normal with variance gain² / inputs (He et al. 2015)."""
    return lambda weight, gain: nn.init.normal_(weight, 0, gain / math.sqrt(weight[0].numel()))


@register("init", "orthogonal")
def orthogonal() -> Fill:
    """Rows or columns orthogonal and of norm gain (Saxe et al. 2014)."""
    return nn.init.orthogonal_
