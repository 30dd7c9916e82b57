"""Initial weights: what equal ones do for ever, how variances travel through depth, and what training makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from darkroom.figures import COLORS, figure, grid, log_scale, panels
from darkroom.fit.batches import as_tensor
from darkroom.fit.optimizers import sgd
from darkroom.nets import layers
from darkroom.nets.init import Fill, constant, he_normal, normal, xavier_normal
from darkroom.nets.mlp import MLP
from darkroom.nets.options import Activations
from darkroom.randomness import derive
from darkroom.registry import chosen, register
from darkroom.settings import Positive, Section
from darkroom.study.findings import AMOUNTS, Figure, Findings, Table, mean
from darkroom.study.training import accuracy, digits, divide, improvement

Floats = NDArray[np.float64]
ACTIVATIONS: tuple[Activations, ...] = ("tanh", "relu")
INITS: Mapping[str, tuple[Callable[..., Fill], dict[str, float], float]] = {
    "normal(1)": (normal, {"std": 1.0}, 1.0),
    "Xavier": (xavier_normal, {}, 1.0),
    "He": (he_normal, {}, 2**0.5),
}
"""Plug-in, options and gain of each initialization, as in its paper."""
SYMMETRY_STEPS, SYMMETRY_UNITS, TEST = 100, 32, 800


@register("study", "initialization")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="seeds of weights, training images and batches")] = 5,
    depth: Annotated[int, Field(ge=2, le=100, description="hidden layers of the network that is measured")] = 20,
    width: Annotated[int, Field(ge=8, description="units per hidden layer")] = 128,
    trained_depth: Annotated[
        int, Field(ge=1, le=50, description="hidden layers of the networks that are trained")
    ] = 10,
    trained_width: Annotated[int, Field(ge=8, description="their units per layer")] = 64,
    steps: Annotated[int, Field(ge=10, description="training steps")] = 200,
    rates: Annotated[tuple[Positive, ...], Field(min_length=1, description="learning rates tried for each")] = (
        0.0001,
        0.001,
        0.01,
        0.1,
    ),
    images: Annotated[int, Field(ge=100, le=900, description="training images")] = 500,
) -> Findings:
    """Measure symmetry, variances by depth, and training under each initialization."""
    store = digits()
    parts = [divide(store, train=images, val=0, test=TEST, seed=seed) for seed in range(seeds)]
    inputs, labels = _tensors(store.samples, store.labels, parts[0].train)
    equal = symmetry(chosen(constant), inputs, labels, steps=SYMMETRY_STEPS)
    random = symmetry(chosen(normal), inputs, labels, steps=SYMMETRY_STEPS)
    signals = {
        (activation, init): [
            signal(activation, init, inputs, labels, depth=depth, width=width, seed=seed) for seed in range(seeds)
        ]
        for activation in ACTIVATIONS
        for init in INITS
    }
    forward = {key: np.mean([f for f, _ in found], axis=0) for key, found in signals.items()}
    backward = {key: np.mean([b for _, b in found], axis=0) for key, found in signals.items()}
    curves: dict[tuple[Activations, str], Floats] = {}
    hits: dict[tuple[Activations, str], list[Floats]] = {}
    best: dict[tuple[Activations, str], float] = {}
    for key in signals:
        tried = {}
        for rate in rates:
            tried[rate] = [
                train(
                    stack(*key, depth=trained_depth, width=trained_width, inputs=64, outputs=10, seed=seed).float(),
                    _tensors(store.samples, store.labels, parts[seed].train),
                    _tensors(store.samples, store.labels, parts[seed].test),
                    rate=rate,
                    steps=steps,
                    seed=seed,
                )
                for seed in range(seeds)
            ]
        best[key] = min(rates, key=lambda rate: float(np.mean([c[-20:].mean() for c, _ in tried[rate]])))
        curves[key] = np.stack([curve for curve, _ in tried[best[key]]])
        hits[key] = [right for _, right in tried[best[key]]]

    def by(function: Any) -> dict[str, dict[str, Any]]:
        return {act: {init: function((act, init)) for init in INITS} for act in ACTIVATIONS}

    return Findings(
        numbers={
            "equal": {key: value for key, value in equal.items() if key != "distances"},
            "random": {key: value for key, value in random.items() if key != "distances"},
            "activations": by(lambda key: float(forward[key][-1] / forward[key][0])),
            "gradients": by(lambda key: float(backward[key][0] / backward[key][-1])),
            "per_layer": by(lambda key: float((forward[key][-1] / forward[key][0]) ** (1 / (depth - 1)))),
            "expected": {init: expected(init, width) for init in INITS},
            "loss": by(lambda key: mean([float(curve[-20:].mean()) for curve in curves[key]], AMOUNTS)),
            "accuracy": by(lambda key: accuracy(hits[key])),
            "he_over_xavier": {act: improvement(hits[act, "He"], hits[act, "Xavier"]) for act in ACTIVATIONS},
        },
        figures={
            "symmetry": distances(equal["distances"], random["distances"]),
            "variances": by_depth(forward, backward),
            "curves": losses(curves, best),
        },
        tables={
            "inits": Table(
                "Initialization",
                {
                    "Activations, per layer": "compact",
                    "Gradients, first to last layer": "compact",
                    "Best rate": "compact",
                    "Test accuracy": "percent",
                },
                {
                    f"{init}, {act}": [
                        float((forward[act, init][-1] / forward[act, init][0]) ** (1 / (depth - 1))),
                        float(backward[act, init][0] / backward[act, init][-1]),
                        best[act, init],
                        accuracy(hits[act, init]),
                    ]
                    for act in ACTIVATIONS
                    for init in INITS
                },
            )
        },
    )


def stack(
    activation: Activations, init: str, *, depth: int, width: int, inputs: int, outputs: int, seed: int
) -> nn.Sequential:
    """Build linear layers with zero biases and an activation after each but the last, in double precision."""
    make, options, gain = INITS[init]
    fill = make(**options)
    torch.manual_seed(derive(seed, "weights"))
    body: list[nn.Module] = []
    for number in range(depth + 1):
        linear = nn.Linear(width if number else inputs, width if number < depth else outputs)
        fill(linear.weight, gain if number < depth else 1.0)
        nn.init.zeros_(linear.bias)
        body += [linear, layers.activation(activation)] if number < depth else [linear]
    return nn.Sequential(*body).double()


def expected(init: str, width: int) -> float:
    """Return the factor on the second moment of activations across a ReLU layer of equal widths: width × variance / 2."""
    _, options, gain = INITS[init]
    variance = options["std"] ** 2 if options else gain**2 / width
    return float(width * variance / 2)


def signal(
    activation: Activations, init: str, inputs: Tensor, labels: Tensor, *, depth: int, width: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the mean square of every hidden layer's activations (L,), and of the loss's gradient by its pre-activations."""
    network = stack(activation, init, depth=depth, width=width, inputs=inputs.shape[1], outputs=10, seed=seed)
    squares, before = [], []
    x = inputs.double()
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            x.retain_grad()
            before.append(x)
        else:
            squares.append(float(x.detach().square().mean()))
    functional.cross_entropy(x, labels).backward()
    grads = [float(z.grad.square().mean()) for z in before[:-1] if z.grad is not None]
    return np.array(squares), np.array(grads)


def symmetry(init: Section, inputs: Tensor, labels: Tensor, *, steps: int) -> dict[str, Any]:
    """Train a perceptron of `SYMMETRY_UNITS` hidden units from an initialization, and compare its units at each step.

    `gradient` is the largest difference between two hidden units' gradients over all steps, `largest` the largest entry of
    any gradient, `rank` that of the hidden weights at the end, `distances` the largest difference of weights by step.
    """
    torch.manual_seed(0)
    network = MLP((1, 8, 8), 10, hidden=[SYMMETRY_UNITS], dropout=0.0, init=init)
    optimizer = sgd(network, lr=0.1, momentum=0.9, weight_decay=0.0)
    hidden = network.body[1]
    assert isinstance(hidden, nn.Linear)
    gap, largest, distances = 0.0, 0.0, []
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs.view(-1, 1, 8, 8)), labels).backward()
        gradient = hidden.weight.grad
        assert gradient is not None
        gap, largest = max(gap, _spread(gradient)), max(largest, float(gradient.abs().max()))
        optimizer.step()
        distances.append(_spread(hidden.weight.detach()))
    rank = int(torch.linalg.matrix_rank(hidden.weight.detach(), rtol=1e-4))
    return {"gradient": gap, "largest": largest, "rank": rank, "distances": distances}


def _spread(rows: Tensor) -> float:
    return float((rows.max(0).values - rows.min(0).values).max())


def train(
    network: nn.Module, data: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], *, rate: float, steps: int, seed: int
) -> tuple[Floats, Floats]:
    """Train by SGD with momentum; return the loss of every step (S,), and which test images are right (N,).

    A loss that is not finite ends the training: it stays at the last finite one.
    """
    optimizer = sgd(network, lr=rate, weight_decay=0.0)
    draws = np.random.default_rng(derive(seed, "batches"))
    inputs, labels = data
    found: list[float] = []
    for _ in range(steps):
        batch = torch.from_numpy(draws.choice(len(labels), 64, replace=False))
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(inputs[batch]), labels[batch])
        if not torch.isfinite(loss):
            break
        found.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
    found += [found[-1]] * (steps - len(found))
    with torch.inference_mode():
        right = network(test[0]).argmax(1) == test[1]
    return np.array(found), right.numpy().astype(float)


def _tensors(images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Return standardized pixels (N, 64) and labels (N,) of these rows."""
    pixels = as_tensor(images[rows]).flatten(1)
    return (pixels - pixels.mean()) / pixels.std(), torch.from_numpy(labels[rows])


def distances(equal: Sequence[float], random: Sequence[float]) -> Figure:
    """Draw how far the hidden units' weights are apart by step."""
    drawn, axes = figure(6, 3.2)
    axes.plot(range(1, len(random) + 1), random, color=COLORS[0], label="random start, normal(0.01)")
    axes.plot(range(1, len(equal) + 1), equal, color=COLORS[1], label="equal start, 0.01")
    axes.set_xlabel("step")
    axes.set_ylabel("largest difference of weights")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Largest difference between two hidden units' weights by step. From a random start it grows to "
        f"{random[-1]:.2g}; from equal weights it is {equal[-1]:g} after {len(equal)} steps.",
    )


def by_depth(forward: dict[tuple[Activations, str], Floats], backward: dict[tuple[Activations, str], Floats]) -> Figure:
    """Draw the mean square of activations and gradients by layer, tanh on the left and ReLU on the right."""
    drawn, lines = grid(2, 2, 8, 5.6, sharex=True, sharey="row")
    for line, found, name in zip(lines, (forward, backward), ("activations", "gradients"), strict=True):
        for axes, activation in zip(line, ACTIVATIONS, strict=True):
            for color, init in zip(COLORS, INITS, strict=False):
                values = found[activation, init]
                axes.plot(range(1, len(values) + 1), values, color=color, label=init)
            log_scale(axes)
        line[0].set_ylabel(f"mean square of {name}")
    for axes, activation in zip(lines[0], ACTIVATIONS, strict=True):
        axes.set_title(activation)
    for axes in lines[1]:
        axes.set_xlabel("layer")
    lines[0][0].legend(frameon=False)
    return Figure(
        drawn,
        "Mean squares of activations and of gradients by layer on a logarithmic scale, for tanh and ReLU. With ReLU, "
        "normal(1) explodes, Xavier vanishes and He is level. With tanh, the activations of normal(1) stay near 1 because "
        "they saturate, and its gradients explode on the way back.",
    )


def losses(curves: dict[tuple[Activations, str], Floats], best: dict[tuple[Activations, str], float]) -> Figure:
    """Draw the training loss by step, the mean over seeds, each at the best of the rates tried."""
    drawn, sides = panels(2, 8, 3.4, sharey=True)
    for axes, activation in zip(sides, ACTIVATIONS, strict=True):
        for color, init in zip(COLORS, INITS, strict=False):
            curve = curves[activation, init].mean(0)
            smooth = np.convolve(curve, np.full(10, 0.1), "valid")
            axes.plot(
                np.arange(10, len(curve) + 1), smooth, color=color, label=f"{init}, rate {best[activation, init]:g}"
            )
        axes.set_ylim(0, 4)
        axes.set_title(activation)
        axes.set_xlabel("step")
        axes.legend(frameon=False)
    sides[0].set_ylabel("training loss in nats")
    told = "; ".join(f"{init} with {act} {curve[:, -20:].mean():.2g}" for (act, init), curve in curves.items())
    return Figure(drawn, f"Training loss by step, means of ten steps and all seeds. At the end: {told} nats.")
