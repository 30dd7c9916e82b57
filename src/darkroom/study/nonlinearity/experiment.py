"""Linear layers collapse into one; ReLU makes XOR, two moons and any curve possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from darkroom import figures
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys
from darkroom.study.findings import SHARES, Figure, Findings, Table, mean

Floats = NDArray[np.float64]
INPUTS, FRESH = 1000, 2000


@register("study", "nonlinearity")
def run(
    *,
    depth: Annotated[int, Field(ge=2, description="linear layers stacked without an activation")] = 5,
    xor_width: Annotated[int, Field(ge=2, description="hidden units of the network that learns XOR")] = 8,
    seeds: Annotated[int, Field(ge=2, description="trainings of each network, from different initial weights")] = 5,
    steps: Annotated[int, Field(ge=1, description="optimizer steps of each training")] = 1000,
    lr: Annotated[Positive, Field(description="learning rate of Adam")] = 0.02,
    widths: Annotated[
        tuple[Count, ...], Field(min_length=2, description="hidden units of the networks on the two moons")
    ] = (1, 2, 4, 16),
    points: Annotated[int, Field(ge=10, description="points of the two moons to train on")] = 300,
    noise: Annotated[float, Field(ge=0, description="standard deviation of the noise on the moons")] = 0.15,
    units: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...],
        Field(min_length=2, description="hidden units that approximate a curve"),
    ] = (2, 4, 8, 16, 32, 64),
) -> Findings:
    """Stack linear layers, and see what an activation between them adds."""
    collapse = collapsed(depth)
    linear = [_xor(seed, (2, 8, 8, 1), None, steps=steps, lr=lr) for seed in range(seeds)]
    bent = [_xor(seed, (2, xor_width, 1), nn.ReLU, steps=steps, lr=lr) for seed in range(seeds)]
    moons = _moons(widths, points=points, noise=noise, seeds=seeds, steps=steps, lr=lr)
    errors = {count: interpolation_error(count) for count in units}
    first, last = errors[units[0]], errors[units[-1]]
    return Findings(
        numbers={
            "collapse": collapse,
            "xor_linear_right": max(right for right, _ in linear),
            "xor_linear_loss": mean([loss for _, loss in linear]),
            "xor_relu_solved": sum(right == 4 for right, _ in bent),
            "xor_by_hand": xor_by_hand().tolist(),
            "moons_linear": moons["linear"],
            "moons_narrow": moons[widths[0]],
            "moons_wide": moons[widths[-1]],
            "narrow": widths[0],
            "wide": widths[-1],
            "curve_first": first,
            "curve_last": last,
            "curve_order": float(np.log(first / last) / np.log(units[-1] / units[0])),
        },
        figures={"moons": _regions(widths, points=points, noise=noise, steps=steps, lr=lr), "curve": _curve(units)},
        tables={
            "moons": Table(
                "Network",
                {"Accuracy": "percent"},
                {
                    "linear": [moons["linear"]],
                    **{f"{width} hidden {'unit' if width == 1 else 'units'}": [moons[width]] for width in widths},
                },
            )
        },
    )


def collapsed(depth: int, width: int = 32) -> float:
    """Return the largest difference between a stack of linear layers and the one layer that it equals, on random inputs."""
    with toys.seeded(0):
        stack = toys.perceptron([width] * (depth + 1), activation=None)
        inputs = torch.randn(INPUTS, width)
    weight, bias = torch.eye(width), torch.zeros(width)
    for layer in stack:
        assert isinstance(layer, nn.Linear)
        weight, bias = layer.weight @ weight, layer.weight @ bias + layer.bias
    with torch.inference_mode():
        return float((stack(inputs) - (inputs @ weight.T + bias)).abs().max())


def xor_by_hand() -> Tensor:
    """Return the outputs (4,) on the points of XOR of ReLU(x₁ + x₂) − 2 ReLU(x₁ + x₂ − 1)."""
    total = toys.XOR[0].sum(1)
    return total.relu() - 2 * (total - 1).relu()


def _xor(seed: int, widths: tuple[int, ...], activation: Any, *, steps: int, lr: float) -> tuple[int, float]:
    """Train on the four points; return how many are right, and the loss in nats."""
    points, classes = toys.XOR
    network, losses = _trained(seed, points, classes, widths, activation, steps=steps, lr=lr)
    with torch.inference_mode():
        return int(((network(points)[:, 0] > 0) == classes.bool()).sum()), losses[-1]


def _trained(
    seed: int, points: Tensor, classes: Tensor, widths: tuple[int, ...], activation: Any, *, steps: int, lr: float
) -> tuple[nn.Module, list[float]]:
    with toys.seeded(seed):
        network = toys.perceptron(widths, activation)

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits[:, 0], wanted.float())

    adam = torch.optim.Adam(network.parameters(), lr)
    return network, toys.fit(network, points, classes, loss=loss, optimizer=adam, steps=steps)


def _moons(widths: Sequence[int], *, points: int, noise: float, seeds: int, steps: int, lr: float) -> dict[Any, Any]:
    """Return the accuracy on fresh points by width, and of a linear classifier."""
    found: dict[Any, Any] = {}
    test, truth = toys.moons(FRESH, noise=noise, seed=seeds)
    for width in (None, *widths):
        shape = (2, width, 1) if width else (2, 1)
        rates = []
        for seed in range(seeds):
            drawn = toys.moons(points, noise=noise, seed=seed)
            network, _ = _trained(seed, *drawn, shape, nn.ReLU, steps=steps, lr=lr)
            with torch.inference_mode():
                rates.append(float(((network(test)[:, 0] > 0) == truth.bool()).float().mean()))
        found[width or "linear"] = mean(rates, SHARES)
    return found


def _regions(widths: Sequence[int], *, points: int, noise: float, steps: int, lr: float) -> Figure:
    drawn, places = figures.panels(len(widths) + 1, 2.1 * (len(widths) + 1), 2.6)
    inputs, classes = toys.moons(points, noise=noise, seed=0)
    across, up = torch.meshgrid(torch.linspace(-1.6, 2.6, 120), torch.linspace(-1.1, 1.6, 120), indexing="xy")
    grid = torch.stack([across.ravel(), up.ravel()], 1)
    for axes, width in zip(places, (None, *widths), strict=True):
        shape = (2, width, 1) if width else (2, 1)
        network, _ = _trained(0, inputs, classes, shape, nn.ReLU, steps=steps, lr=lr)
        with torch.inference_mode():
            chance = network(grid)[:, 0].sigmoid().reshape(across.shape).numpy()
        levels = [0, 0.5, 1]
        axes.contourf(across, up, chance, levels=levels, colors=figures.COLORS[:2], alpha=0.18)
        for kind, marker in enumerate("o^"):
            own = inputs[classes == kind].numpy()
            label = f"class {kind}" if width is None else None
            axes.scatter(
                own[:, 0], own[:, 1], s=5, marker=marker, color=figures.COLORS[kind], linewidths=0, label=label
            )
        axes.set(title=f"width {width}" if width else "linear", xlabel="x₁", xticks=[-1, 0, 1, 2])
    places[0].set_ylabel("x₂")
    drawn.legend(loc="outside lower center", ncols=2, frameon=False)
    return Figure(
        drawn,
        "Decision regions on the two moons. The linear classifier and one hidden unit divide the plane by a straight line; "
        "more hidden units bend the boundary until it follows both moons.",
    )


def target(x: Floats) -> Floats:
    """Return the curve to approximate on [0, 1]."""
    found: Floats = np.sin(2 * np.pi * x) + 0.5 * np.sin(6 * np.pi * x)
    return found


def interpolation(units: int, x: Floats) -> Floats:
    """Evaluate one hidden layer of ReLU units whose weights make it interpolate the curve at `units` + 1 equal knots.

    f(x) = y₀ + Σᵢ aᵢ ReLU(x − xᵢ): each aᵢ is the change of slope at its knot, so nothing is trained.
    """
    knots = np.linspace(0, 1, units + 1)
    slopes = np.diff(target(knots)) / np.diff(knots)
    changes = np.diff(slopes, prepend=0.0)
    found: Floats = target(knots)[0] + np.maximum(x[:, None] - knots[:-1], 0) @ changes
    return found


def interpolation_error(units: int) -> float:
    """Return the largest error of that layer on [0, 1]."""
    x = np.linspace(0, 1, 20_001)
    return float(np.abs(interpolation(units, x) - target(x)).max())


def _curve(units: Sequence[int]) -> Figure:
    drawn, (left, right) = figures.panels(2, 9, 3.2)
    x = np.linspace(0, 1, 500)
    left.plot(x, target(x), color=figures.INK, label="curve")
    for count, style in zip(units[1:4], ("--", "-.", ":"), strict=False):
        left.plot(x, interpolation(count, x), style, label=f"{count} units")
    left.set(xlabel="x", ylabel="f(x)")
    left.legend(frameon=False)
    errors = [interpolation_error(count) for count in units]
    right.plot(units, errors, "o-", label="largest error")
    figures.log_scale(right)
    right.set_xscale("log", base=2)
    right.set(xlabel="hidden units", ylabel="largest error", xticks=units, xticklabels=[str(count) for count in units])
    return Figure(
        drawn,
        "Left: a curve and its approximations by one hidden layer of ReLU units, straight between the knots. Right: the "
        f"largest error falls from {errors[0]:.2g} with {units[0]} units to {errors[-1]:.2g} with {units[-1]}.",
    )
