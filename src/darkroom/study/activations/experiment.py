"""Activations against autograd, gradients through deep networks, and units that die."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.measure.intervals import Difference, Number
from darkroom.nets.layers import activation
from darkroom.nets.options import Activations
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys, training
from darkroom.study.activations.functions import ALL, Activation, softmax_jacobian
from darkroom.study.findings import AMOUNTS, SHARES, Figure, Findings, Table, gain, mean

TEST = 500
POINTS, SPAN, IMAGES = 1000, 6, 256
DEEP: tuple[Activations, ...] = ("sigmoid", "tanh", "relu", "gelu")
STYLES = ("-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1)))
MARKERS = "os^Dv"
SATURATED = 0.01
"""A unit is saturated where its slope is below this."""


@register("study", "activations")
def run(
    *,
    depths: Annotated[
        tuple[Count, ...], Field(min_length=2, description="hidden layers of the networks whose gradients are compared")
    ] = (2, 5, 10, 20),
    width: Annotated[Count, Field(description="units of each hidden layer")] = 64,
    hidden: Annotated[Count, Field(description="hidden units of the networks that are trained")] = 64,
    lr: Annotated[Positive, Field(description="learning rate of SGD with momentum")] = 0.1,
    high_lr: Annotated[Positive, Field(description="the same, too high: large steps kill units")] = 0.5,
    steps: Annotated[Count, Field(description="optimizer steps of each training")] = 300,
    train: Annotated[int, Field(ge=10, le=1200, description="training images")] = 1000,
    seeds: Annotated[int, Field(ge=2, description="trainings, each with its own images and initial weights")] = 5,
) -> Findings:
    """Compare derivatives with autograd, gradients by depth, and dead units by learning rate."""
    store = training.digits()
    ratios = {
        name: {
            depth: mean([first_to_last(name, depth, width, seed, store) for seed in range(seeds)], AMOUNTS)
            for depth in depths
        }
        for name in DEEP
    }
    deepest = depths[-1]
    flat = {name: mean([saturated(name, seed, store) for seed in range(seeds)], SHARES) for name in ("sigmoid", "tanh")}
    trained = {
        (name, rate): [_trained(store, name, hidden, rate, steps, train, seed) for seed in range(seeds)]
        for name in ("relu", "leaky_relu")
        for rate in (lr, high_lr)
    }
    dead = {key: mean([died for died, _ in found], SHARES) for key, found in trained.items()}
    z = torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64)
    return Findings(
        numbers={
            "off": max(deviation(one) for one in ALL),
            "jacobian_off": float((softmax_jacobian(z) - jacobian(z)).abs().max()),
            "softmax": z.softmax(0).tolist(),
            "jacobian": softmax_jacobian(z).tolist(),
            "deepest": deepest,
            "sigmoid_ratio": ratios["sigmoid"][deepest],
            "tanh_ratio": ratios["tanh"][deepest],
            "relu_ratio": ratios["relu"][deepest],
            "bound": 0.25**deepest,
            "flat": flat,
            "dead": dead["relu", lr],
            "dead_high": dead["relu", high_lr],
            "dead_leaky": dead["leaky_relu", high_lr],
            "leaky_gain": _gain(trained["leaky_relu", high_lr], trained["relu", high_lr]),
        },
        figures={"shapes": _shapes(), "depth": _depth(ratios)},
        tables={"notes": _notes(), "dead": _dead(trained, lr, high_lr)},
    )


def slope(function: Activation, z: Tensor) -> Tensor:
    """Return the derivative at z (N,) by autograd."""
    z = z.clone().requires_grad_()
    (found,) = torch.autograd.grad(activation(function.name).to(z.dtype)(z).sum(), z)
    return found


def deviation(function: Activation) -> float:
    """Return the largest difference between the closed form of a derivative and autograd."""
    z = torch.linspace(-SPAN, SPAN, POINTS, dtype=torch.float64)  # without 0, where ReLU has no derivative
    return float((function.derivative(z) - slope(function, z)).abs().max())


def jacobian(z: Tensor) -> Tensor:
    """Return the Jacobian (K, K) of the softmax by autograd."""
    found: Tensor = torch.autograd.functional.jacobian(lambda logits: logits.softmax(0), z)
    return found


def first_to_last(name: Activations, depth: int, width: int, seed: int, store: Store) -> float:
    """Return the gradient's norm at the first hidden layer over that at the last, before any training.

    The layers have Xavier's initial weights (Glorot & Bengio 2010), which keep the variance where an activation is linear
    with slope 1.
    """
    with toys.seeded(seed):
        network = toys.perceptron([64, *[width] * depth, 10], lambda: activation(name))
        hidden = [layer for layer in network if isinstance(layer, nn.Linear)]
        for layer in hidden:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    F.cross_entropy(network(_standardized(store)[:IMAGES]), torch.tensor(store.labels[:IMAGES])).backward()
    first, last = (
        float(layer.weight.grad.norm()) for layer in (hidden[1], hidden[-2]) if layer.weight.grad is not None
    )
    return first / last


def saturated(name: Activations, seed: int, store: Store, scale: float = 3.0) -> float:
    """Return the share of outputs of one layer whose slope is below `SATURATED`, with weights of standard deviation `scale`
    times Xavier's."""
    with toys.seeded(seed):
        layer = nn.Linear(64, 64)
        nn.init.xavier_normal_(layer.weight, gain=scale)
    with torch.inference_mode():
        z = layer(_standardized(store))
        known = next(one for one in ALL if one.name == name)
        return float((known.derivative(z) < SATURATED).float().mean())


def _standardized(store: Store) -> Tensor:
    pixels = as_tensor(store.samples).flatten(1)
    return (pixels - pixels.mean()) / pixels.std()


def _trained(
    store: Store, name: Activations, hidden: int, lr: float, steps: int, train: int, seed: int
) -> tuple[float, float]:
    """Train one hidden layer; return the share of its units that are dead afterwards, and the test accuracy.

    A unit is dead if its input is negative for every training image: with ReLU its output and its gradient are zero.
    """
    rows = training.divide(store, train=train, val=0, test=TEST, seed=seed)
    pixels, labels = _standardized(store), torch.tensor(store.labels)
    with toys.seeded(seed):
        network = toys.perceptron([64, hidden, 10], lambda: activation(name))
    sgd = torch.optim.SGD(network.parameters(), lr, momentum=0.9)
    toys.fit(
        network, pixels[rows.train], labels[rows.train], loss=F.cross_entropy, optimizer=sgd, steps=steps, batch=64, seed=seed
    )  # fmt: skip
    with torch.inference_mode():
        dead = (network[0](pixels[rows.train]) <= 0).all(0).float().mean()
        right = (network(pixels[rows.test]).argmax(1) == labels[rows.test]).float().mean()
    return float(dead), float(right)


def _gain(after: Sequence[tuple[float, float]], before: Sequence[tuple[float, float]]) -> Difference:
    return gain([right for _, right in after], [right for _, right in before])


def _notes() -> Table:
    def bound(value: float) -> str:
        return f"{value:.3g}".replace("inf", "∞").replace("-", "−")

    columns = {
        "f(z)": "text",
        "range": "text",
        "largest slope": "compact",
        "slope at −3": "compact",
        "slope at 3": "compact",
    }
    rows: dict[str, Sequence[str | float]] = {}
    for one in ALL:
        sides = slope(one, torch.tensor([-3.0, 3.0], dtype=torch.float64)).tolist()
        rows[one.title] = [one.formula, f"{bound(one.low)} to {bound(one.high)}", one.steepest, *sides]
    return Table("Activation", columns, rows)


def _dead(trained: dict[tuple[str, float], list[tuple[float, float]]], lr: float, high_lr: float) -> Table:
    rows: dict[str, Sequence[Number]] = {}
    for name, title in (("relu", "ReLU"), ("leaky_relu", "leaky ReLU")):
        for rate in (lr, high_lr):
            found = trained[name, rate]
            rows[f"{title}, rate {rate:g}"] = [mean([d for d, _ in found], SHARES), mean([a for _, a in found], SHARES)]
    return Table("Activation and learning rate", {"Units never active": "percent", "Test accuracy": "percent"}, rows)


def _shapes() -> Figure:
    drawn, (left, right) = figures.panels(2, 9, 3.8)
    z = torch.linspace(-4, 4, 401, dtype=torch.float64)
    for one, style in zip(ALL, STYLES, strict=True):
        with torch.inference_mode():
            values = activation(one.name).to(z.dtype)(z)
        left.plot(z, values, linestyle=style, label=one.title)
        right.plot(z, one.derivative(z), linestyle=style)
    left.set(xlabel="z", ylabel="f(z)", ylim=(-1.2, 3))
    right.set(xlabel="z", ylabel="f′(z)", ylim=(-0.2, 1.25))
    right.axhline(0.25, color=figures.FAINT, linewidth=1, zorder=0)
    drawn.legend(loc="outside lower center", ncols=4, frameon=False)
    return Figure(
        drawn,
        "Left: the activations from −4 to 4. Sigmoid and tanh level off on both sides, the others grow to the right. Right: "
        "their derivatives. That of the sigmoid peaks at 0.25 and that of tanh at 1; both fall to 0 on both sides.",
    )


def _depth(ratios: dict[Activations, dict[int, Number]]) -> Figure:
    drawn, axes = figures.figure(6.5, 3.8)
    for name, marker in zip(ratios, MARKERS, strict=False):
        points = {depth: number.value or 0.0 for depth, number in ratios[name].items()}
        axes.plot([*points], [*points.values()], marker=marker, label=next(a.title for a in ALL if a.name == name))
    figures.log_scale(axes)
    axes.set(xlabel="hidden layers", ylabel="gradient norm, first over last", xticks=[*next(iter(ratios.values()))])
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Norm of the gradient at the second weight matrix over that at the last hidden one, by depth, on a logarithmic axis. "
        "With sigmoids it falls by orders of magnitude, with tanh and ReLU much less.",
    )
