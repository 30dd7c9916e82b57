"""The chain rule on a graph of ten values, on a chain of weights, and on a network for digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch.nn import functional as F

from darkroom import figures
from darkroom.fit.batches import as_tensor
from darkroom.measure.intervals import Number
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys, training
from darkroom.study.backpropagation.by_hand import PARAMETERS, autograd, backward, differences, forward, two_layers
from darkroom.study.backpropagation.by_hand import chain as through
from darkroom.study.findings import AMOUNTS, Figure, Findings, Table, mean

SYMBOLS = {
    "x": "x",
    "w1": "w₁",
    "b1": "b₁",
    "z1": "z₁ = w₁x + b₁",
    "h": "h = tanh z₁",
    "w2": "w₂",
    "b2": "b₂",
    "z2": "z₂ = w₂h + b₂",
    "p": "p = σ(z₂)",
    "L": "L = −ln p",
}
PLACES = {
    **{"w1": (0, 2), "x": (0, 1), "b1": (0, 0), "z1": (1, 1), "h": (2, 1)},
    **{"w2": (2, 2), "b2": (2, 0), "z2": (3, 1), "p": (4, 1), "L": (5, 1)},
}
EDGES = ("x z1", "w1 z1", "b1 z1", "z1 h", "h z2", "w2 z2", "b2 z2", "z2 p", "p L")
MARKERS = "os^Dv"
IMAGES, STEP = 100, 0.1


@register("study", "backpropagation")
def run(
    *,
    x: Annotated[float, Field(description="input of the small graph")] = 2.0,
    w1: Annotated[float, Field(description="weight of its hidden unit")] = 0.5,
    b1: Annotated[float, Field(description="bias of its hidden unit")] = -0.3,
    w2: Annotated[float, Field(description="weight of its output")] = 1.2,
    b2: Annotated[float, Field(description="bias of its output")] = 0.1,
    chain: Annotated[
        tuple[float, ...], Field(min_length=2, description="weights of the chain of identity activations")
    ] = (2.0, -1.0, 0.5),
    hidden: Annotated[Count, Field(description="hidden units of the network on digits")] = 16,
    depths: Annotated[tuple[Count, ...], Field(min_length=2, description="layers of the linear networks")] = (
        1,
        2,
        5,
        10,
        20,
        40,
    ),
    scales: Annotated[
        tuple[Positive, ...],
        Field(min_length=1, description="standard deviation of their weights, times the square root of 1 / width"),
    ] = (0.8, 1.0, 1.2),
    width: Annotated[Count, Field(description="units of their layers")] = 32,
    seeds: Annotated[int, Field(ge=2, description="draws of the weights")] = 5,
) -> Findings:
    """Differentiate by hand, by autograd and by differences, then follow gradients through depth."""
    given = {"x": x, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
    values = forward(**given)
    hand, found, near = backward(values), autograd(**given), differences(**given)
    product, slopes = through(chain, 1.0)
    norms = {
        scale: {
            depth: mean([gradient_norm(depth, width, scale, seed) for seed in range(seeds)], AMOUNTS)
            for depth in depths
        }
        for scale in scales
    }
    deepest = depths[-1]
    return Findings(
        numbers={
            "nodes": values,
            "gradients": hand,
            "off": max(abs(hand[name] - found[name]) for name in hand),
            "near": max(abs(hand[name] - near[name]) for name in near),
            "stepped": forward(**{**given, **{name: given[name] - STEP * hand[name] for name in PARAMETERS}})["L"],
            "product": product,
            "slopes": slopes,
            "chain_off": max(abs(a - b) for a, b in zip(slopes, chain_autograd(chain), strict=True)),
            "digits_off": digits_deviation(hidden),
            "deepest": deepest,
            "norms": [[scale, norms[scale][deepest].value] for scale in scales],
        },
        figures={"graph": _graph(values, hand), "depth": _depth(norms)},
        tables={"graph": _table(values, hand, found, near), "chain": _links(chain, slopes)},
    )


def chain_autograd(weights: Sequence[float]) -> list[float]:
    """Return the derivatives of w_L ⋯ w₁ with respect to each weight by autograd."""
    leaves = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(leaves.prod(), leaves)
    return [float(slope) for slope in found]


def digits_deviation(hidden: int) -> float:
    """Return the largest difference between gradients by hand and by autograd, of a network on digits in double precision."""
    store = training.digits()
    images, labels = as_tensor(store.samples[:IMAGES]).flatten(1).double(), torch.tensor(store.labels[:IMAGES])
    with toys.seeded(0):
        network = toys.perceptron([64, hidden, 10]).double()
    F.cross_entropy(network(images), labels).backward()
    parameters = [*network.parameters()]
    one_hot = F.one_hot(labels, 10).double().numpy()
    by_hand = two_layers(images.numpy(), one_hot, *(p.detach().numpy() for p in parameters))
    pairs = zip(parameters, by_hand, strict=True)
    return max(float((p.grad - torch.from_numpy(hand)).abs().max()) for p, hand in pairs if p.grad is not None)


def gradient_norm(depth: int, width: int, scale: float, seed: int) -> float:
    """Return the norm of ∂y/∂x of a linear network, for a random direction of y: a product of `depth` matrices."""
    with toys.seeded(seed):
        layers = [scale / math.sqrt(width) * torch.randn(width, width, dtype=torch.float64) for _ in range(depth)]
        gradient = F.normalize(torch.randn(width, dtype=torch.float64), dim=0)
    for layer in reversed(layers):
        gradient = layer.T @ gradient
    return float(gradient.norm())


def _table(values: dict[str, float], hand: dict[str, float], found: dict[str, float], near: dict[str, float]) -> Table:
    columns = {"value": "decimal", "by hand": "decimal", "autograd": "decimal", "differences": "decimal"}
    rows: dict[str, Sequence[float | None]] = {
        symbol: [values[name], hand[name], found[name], near.get(name)] for name, symbol in SYMBOLS.items()
    }
    return Table("Node", columns, rows)


def _links(weights: Sequence[float], slopes: Sequence[float]) -> Table:
    columns = {"weight": "compact", "product of the others": "compact", "autograd": "compact"}
    cells = zip(weights, slopes, chain_autograd(weights), strict=True)
    return Table("Layer", columns, {str(number): [*row] for number, row in enumerate(cells, 1)})


def _graph(values: dict[str, float], hand: dict[str, float]) -> Figure:
    drawn, axes = figures.figure(9, 3.6)
    axes.set_axis_off()
    for edge in EDGES:
        start, end = (PLACES[name] for name in edge.split())
        arrow = {"arrowstyle": "->", "color": "#7b8794", "shrinkA": 38, "shrinkB": 42}
        axes.annotate("", end, start, arrowprops=arrow)
    for name, (across, up) in PLACES.items():
        axes.text(across, up + 0.2, f"{values[name]:.3f}", ha="center", fontsize=9)
        axes.text(across, up, SYMBOLS[name], ha="center", va="center", fontsize=9, weight="bold")
        axes.text(across, up - 0.27, f"{hand[name]:+.3f}", ha="center", fontsize=9, color="#b4380f")
    axes.text(5, 0.1, "value", ha="center", fontsize=9)
    axes.text(5, -0.15, "∂L/∂node", ha="center", fontsize=9, color="#b4380f")
    axes.set(xlim=(-0.5, 5.5), ylim=(-0.5, 2.4))
    told = ", ".join(f"{name} {hand[name]:.3f}" for name in PARAMETERS)
    return Figure(
        drawn, f"The graph from x to the loss, with each node's value above and the loss's derivative below: {told}."
    )


def _depth(norms: dict[float, dict[int, Number]]) -> Figure:
    drawn, axes = figures.figure(6.5, 3.6)
    for (scale, found), marker in zip(norms.items(), MARKERS * len(norms), strict=False):
        axes.plot([*found], [number.value or 0.0 for number in found.values()], marker=marker, label=f"scale {scale:g}")
    figures.log_scale(axes)
    axes.set(xlabel="linear layers", ylabel="norm of the gradient")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Norm of the gradient by the number of linear layers, on a logarithmic axis: a straight line up for the largest scale "
        "of the weights, down for the smallest.",
    )
