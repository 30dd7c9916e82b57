"""A small network on real digits: its layers counted, and one of its neurons recomputed by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.nets import diagram
from darkroom.nets.mlp import MLP
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys, training
from darkroom.study.findings import SHARES, Figure, Findings, Table, mean

PIXELS, CLASSES, TEST = 64, 10, 500
Floats = NDArray[np.float64]


@register("study", "perceptron")
def run(
    *,
    hidden: Annotated[tuple[Count, ...], Field(min_length=1, description="units of each hidden layer")] = (16, 12),
    image: Annotated[int, Field(ge=0, lt=500, description="test image to follow through the network")] = 3,
    train: Annotated[int, Field(ge=10, le=1200, description="training images")] = 1000,
    steps: Annotated[Count, Field(description="optimizer steps of each training")] = 600,
    lr: Annotated[Positive, Field(description="learning rate of Adam")] = 0.01,
    seeds: Annotated[int, Field(ge=2, description="trainings, each with its own images and initial weights")] = 5,
) -> Findings:
    """Train a perceptron on digits, count its parameters, and follow one image through it."""
    store = training.digits()
    found = [_trained(store, hidden, train=train, steps=steps, lr=lr, seed=seed) for seed in range(seeds)]
    network = found[0][0]
    rows = training.divide(store, train=train, val=0, test=TEST, seed=0).test
    x = as_tensor(store.samples[rows[image : image + 1]])
    inputs, weights, bias, output = strongest(network, x)
    terms = inputs * weights
    logits = network(x).detach()[0]
    widths = [PIXELS, *hidden, CLASSES]
    counts = [parameters(a, b) for a, b in itertools.pairwise(widths)]
    return Findings(
        numbers={
            "parameters": sum(p.numel() for p in network.parameters()),
            "first": counts[0],
            "first_units": hidden[0],
            "toy": neuron(np.array([1.0, 2.0, 3.0]), np.array([0.2, -0.1, 0.4]), 0.5),
            "weighted": float(terms.sum()),
            "bias": bias,
            "z": float(terms.sum()) + bias,
            "a": max(0.0, float(terms.sum()) + bias),
            "output": output,
            "off": abs(max(0.0, float(terms.sum()) + bias) - output),
            "truth": int(store.labels[rows[image]]),
            "predicted": int(logits.argmax()),
            "confidence": float(logits.softmax(0).max()),
            "accuracy": mean([accuracy for _, accuracy in found], SHARES),
        },
        figures={
            "network": Figure(diagram.drawing(network, x), _alt(widths)),
            "neuron": _neuron(inputs, weights, terms, bias, output),
        },
        tables={"layers": _layers(widths, counts)},
    )


def parameters(inputs: int, units: int) -> int:
    """Return the number of weights and biases of a fully connected layer."""
    return inputs * units + units


def neuron(x: Floats, w: Floats, b: float) -> float:
    """Return ReLU(w·x + b)."""
    return max(0.0, float(w @ x) + b)


def strongest(network: MLP, image: Tensor) -> tuple[Floats, Floats, float, float]:
    """Return inputs (64,), weights (64,), bias and output of the first layer's neuron that responds most to an image."""
    layer = next(module for module in network.body if isinstance(module, nn.Linear))
    with torch.inference_mode():
        inputs = network.standardize(image).flatten()
        outputs = F.relu(layer(inputs))
    at = int(outputs.argmax())
    weights: Floats = layer.weight[at].detach().double().numpy()
    return inputs.double().numpy(), weights, float(layer.bias[at].detach()), float(outputs[at])


def _trained(store: Store, hidden: Sequence[int], *, train: int, steps: int, lr: float, seed: int) -> tuple[MLP, float]:
    """Train on one draw of images; return the network and its test accuracy."""
    rows = training.divide(store, train=train, val=0, test=TEST, seed=seed)
    labels = torch.tensor(store.labels[rows.train])
    network = toys.trained_mlp(
        store, rows.train, labels, loss=F.cross_entropy, outputs=CLASSES, hidden=hidden, lr=lr, steps=steps, seed=seed
    )
    predicted = toys.logits(network, store, rows.test).argmax(1).numpy()
    return network, float((predicted == store.labels[rows.test]).mean())


def _layers(widths: Sequence[int], counts: Sequence[int]) -> Table:
    rows: dict[str, Sequence[str | float]] = {}
    for number, (before, after, count) in enumerate(zip(widths, widths[1:], counts, strict=False), 1):
        name = "output" if number == len(counts) else f"hidden {number}"
        rows[name] = [f"{after} × {before}", f"{after}", f"{before}·{after} + {after}", count]
    rows["all"] = ["", "", "", sum(counts)]
    columns = {"W": "text", "b": "text", "weights + biases": "text", "parameters": "count"}
    return Table("Layer", columns, rows)


def _alt(widths: Sequence[int]) -> str:
    inner = ", ".join(str(width) for width in widths[1:-1])
    return (
        f"The network as columns of units: {widths[0]} pixels, hidden layers of {inner} units, {widths[-1]} outputs, each "
        "connected to all of the one before, with its shape above and its number of parameters below."
    )


def _neuron(inputs: Floats, weights: Floats, terms: Floats, bias: float, output: float) -> Figure:
    drawn, places = figures.panels(3, 8.6, 2.9)
    panels = (("input x, standardized", inputs), ("weights w", weights), ("products wᵢ xᵢ", terms))
    for axes, (title, values) in zip(places, panels, strict=True):
        most = float(np.abs(values).max())
        shown = axes.imshow(values.reshape(8, 8), cmap="RdBu_r", vmin=-most, vmax=most, interpolation="none")
        axes.set(title=title, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        drawn.colorbar(shown, ax=axes, shrink=0.85)
    return Figure(
        drawn,
        f"Input, weights and their products as 8×8 pictures. The products sum to {terms.sum():.3f}; with the bias {bias:.3f} "
        f"and ReLU the neuron gives {output:.3f}.",
    )
