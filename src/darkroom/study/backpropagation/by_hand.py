"""Gradients by the chain rule, written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
PARAMETERS = ("w1", "b1", "w2", "b2")


def forward(x: float, w1: float, b1: float, w2: float, b2: float) -> dict[str, float]:
    """Return every value of the graph L = −ln σ(w₂ tanh(w₁ x + b₁) + b₂), from input to loss."""
    z1 = w1 * x + b1
    h = math.tanh(z1)
    z2 = w2 * h + b2
    p = 1 / (1 + math.exp(-z2))
    return {"x": x, "w1": w1, "b1": b1, "z1": z1, "h": h, "w2": w2, "b2": b2, "z2": z2, "p": p, "L": -math.log(p)}


def backward(v: dict[str, float]) -> dict[str, float]:
    """Return the derivative of L with respect to every value of the graph, from the loss back to the input."""
    d: dict[str, float] = {"L": 1.0}
    d["p"] = -1 / v["p"]
    d["z2"] = d["p"] * v["p"] * (1 - v["p"])  # σ' = σ (1 − σ); together p − 1
    d["w2"] = d["z2"] * v["h"]
    d["b2"] = d["z2"]
    d["h"] = d["z2"] * v["w2"]
    d["z1"] = d["h"] * (1 - v["h"] ** 2)  # tanh' = 1 − tanh²
    d["w1"] = d["z1"] * v["x"]
    d["b1"] = d["z1"]
    d["x"] = d["z1"] * v["w1"]
    return d


def autograd(x: float, w1: float, b1: float, w2: float, b2: float) -> dict[str, float]:
    """Return the same derivatives from PyTorch."""
    leaves = {name: _leaf(value) for name, value in (("x", x), ("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2))}
    z1 = leaves["w1"] * leaves["x"] + leaves["b1"]
    h = z1.tanh()
    z2 = leaves["w2"] * h + leaves["b2"]
    p = z2.sigmoid()
    loss = -p.log()
    nodes = {**leaves, "z1": z1, "h": h, "z2": z2, "p": p, "L": loss}
    found = torch.autograd.grad(loss, [*nodes.values()])
    return {name: float(gradient) for name, gradient in zip(nodes, found, strict=True)}


def differences(step: float = 1e-6, **values: float) -> dict[str, float]:
    """Return the derivatives with respect to x and the parameters as central differences."""
    return {
        name: (forward(**{**values, name: at + step})["L"] - forward(**{**values, name: at - step})["L"]) / (2 * step)
        for name, at in values.items()
    }


def chain(weights: Sequence[float], x: float) -> tuple[float, list[float]]:
    """Return y = w_L ⋯ w₁ x, a chain of identity activations, and its derivatives: x times the product of the other weights."""
    others = [math.prod([*weights[:i], *weights[i + 1 :]]) for i in range(len(weights))]
    return math.prod(weights) * x, [x * product for product in others]


def two_layers(images: Floats, one_hot: Floats, w1: Floats, b1: Floats, w2: Floats, b2: Floats) -> list[Floats]:
    """Return the gradients of the mean cross-entropy of W₂ ReLU(W₁ x + b₁) + b₂ with respect to W₁, b₁, W₂ and b₂.

    Images are (N, D), one-hot targets (N, K), weights (H, D) and (K, H).
    """
    z1 = images @ w1.T + b1  # (N, H)
    h = np.maximum(z1, 0)
    logits = h @ w2.T + b2  # (N, K)
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    delta2 = (exponentials / exponentials.sum(1, keepdims=True) - one_hot) / len(images)  # p − t
    delta1 = (delta2 @ w2) * (z1 > 0)
    return [delta1.T @ images, delta1.sum(0), delta2.T @ h, delta2.sum(0)]


def _leaf(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)
