"""Activations with their derivatives in closed form, as the table of the page states them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.nets.layers import LEAK
from darkroom.nets.options import Activations

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """What the table says of an activation; `name` is its name in the config of a network."""

    name: Activations
    title: str
    formula: str
    low: float
    high: float
    steepest: float
    """Largest slope."""
    derivative: Function
    """Of z, in closed form."""


def softmax_jacobian(z: Tensor) -> Tensor:
    """Return ∂pᵢ/∂zⱼ = pᵢ (δᵢⱼ − pⱼ), the Jacobian (K, K) of the softmax of logits (K,)."""
    p = z.softmax(0)
    return p.diag() - p[:, None] * p[None, :]


def _sigmoid(z: Tensor) -> Tensor:
    return z.sigmoid() * (1 - z.sigmoid())


def _gelu(z: Tensor) -> Tensor:
    """Return Φ(z) + z φ(z), with the normal distribution's Φ and density φ."""
    return 0.5 * (1 + torch.erf(z / math.sqrt(2))) + z * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _silu(z: Tensor) -> Tensor:
    return z.sigmoid() * (1 + z * (1 - z.sigmoid()))


def _leaky(slope: float) -> Function:
    return lambda z: torch.where(z > 0, torch.ones_like(z), torch.full_like(z, slope))


INFINITE = math.inf
PARAMETRIC = 0.25
"""The slope that a parametric ReLU starts from."""
ALL = (
    Activation("sigmoid", "sigmoid", "1 / (1 + e⁻ᶻ)", 0, 1, 0.25, _sigmoid),
    Activation("tanh", "tanh", "(eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)", -1, 1, 1, lambda z: 1 - z.tanh() ** 2),
    Activation("relu", "ReLU", "max(0, z)", 0, INFINITE, 1, lambda z: (z > 0).to(z)),
    Activation("leaky_relu", "leaky ReLU", f"z if z > 0, else {LEAK:g} z", -INFINITE, INFINITE, 1, _leaky(LEAK)),
    Activation(
        "prelu", "parametric ReLU", "z if z > 0, else a z; a is learned", -INFINITE, INFINITE, 1, _leaky(PARAMETRIC)
    ),
    Activation("gelu", "GELU", "z Φ(z)", -0.169971, INFINITE, 1.128904, _gelu),
    Activation("silu", "SiLU", "z · sigmoid(z)", -0.278465, INFINITE, 1.099839, _silu),
)
