"""Dropout: worked by hand, simulated on a hidden layer, and trained at several rates."""

from __future__ import annotations

import copy
import itertools
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom.figures import COLORS, FAINT, INK, figure, log_scale
from darkroom.fit.batches import as_tensor
from darkroom.nets.layers import ClassicDropout
from darkroom.nets.mlp import MLP
from darkroom.registry import chosen, register
from darkroom.study.dropout.worked import examples
from darkroom.study.findings import AMOUNTS, Figure, Findings, Table, gain, mean
from darkroom.study.training import Trained, accuracy, classifier, digits, divide, improvement

Floats = NDArray[np.float64]
HELD = 800
"""Test images."""


@register("study", "dropout")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="seeds; each draws training images, initial weights and masks")] = 5,
    images: Annotated[int, Field(ge=50, le=900, description="training images")] = 200,
    hidden: Annotated[int, Field(ge=8, description="units in each of the two hidden layers")] = 256,
    rates: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(min_length=1, description="dropout rates to compare with none"),
    ] = (0.2, 0.5, 0.8),
    rate: Annotated[float, Field(gt=0, lt=1, description="rate in the simulation and of the two conventions")] = 0.5,
    epochs: Annotated[int, Field(ge=1, description="passes over the training images")] = 40,
    draws: Annotated[int, Field(ge=100, description="masks in the simulation")] = 4000,
) -> Findings:
    """Define both conventions once, show that they agree in expectation, and measure what the rate does."""
    store = digits()
    parts = [divide(store, train=images, val=0, test=HELD, seed=seed) for seed in range(seeds)]

    def trained(seed: int, p: float, scale: str = "train") -> Trained:
        return classifier(
            store,
            parts[seed].train,
            network=chosen(MLP, hidden=[hidden, hidden], dropout=p, dropout_scale=scale),
            training={"epochs": epochs, "batch_size": 32},
            seed=seed,
        )

    test = parts[0].test
    truth = store.labels[test]
    plain = [trained(seed, 0.0) for seed in range(seeds)]
    found: dict[float, list[Trained]] = {
        p: [trained(seed, p) for seed in range(seeds)] for p in dict.fromkeys([*rates, rate])
    }
    classic = [trained(seed, rate, "test") for seed in range(seeds)]
    hits = {name: [m.correct(store, test) for m in of] for name, of in {0.0: plain, **found}.items()}
    slips = [divided(m, rate) for m in classic]
    found = {0.0: plain, **found}
    fitted = {p: [m.correct(store, part.train) for m, part in zip(of, parts, strict=True)] for p, of in found.items()}
    right = [loss(m.logits(store.samples[test]), truth) for m in classic]
    wrong = [loss(m.logits(store.samples[test]), truth) for m in slips]
    simulated = simulate(activations(plain[0], store.samples[test[:1]]), rate, draws, seed=0)
    return Findings(
        numbers={
            "worked": examples(),
            "simulation": {
                key: simulated[key] for key in ("units", "inverted_error", "classic_error", "ratio", "bound")
            },
            "none": accuracy(hits[0.0]),
            "gain": {f"{p:g}": improvement(hits[p], hits[0.0]) for p in rates},
            "conventions": improvement([m.correct(store, test) for m in classic], hits[rate]),
            "agreement": max(agreement(m, rate, store.samples[test]) for m in classic),
            "right_loss": mean(right, AMOUNTS),
            "wrong_loss": mean(wrong, AMOUNTS),
            "slip_loss": gain(wrong, right),
            "slip_accuracy": improvement(
                [m.correct(store, test) for m in slips], [m.correct(store, test) for m in classic]
            ),
            "factor": 1 / (1 - rate) ** 2,
        },
        figures={"running": running(simulated, rate), "rates": by_rate(hits)},
        tables={
            "rates": Table(
                "Dropout rate",
                {"Training accuracy": "percent", "Test accuracy": "percent", "Gain": "percent"},
                {
                    f"{p:g}": [accuracy(fitted[p]), accuracy(hits[p]), improvement(hits[p], hits[0.0]) if p else None]
                    for p in sorted(hits)
                },
            )
        },
    )


def activations(model: Trained, image: NDArray[np.uint8]) -> Tensor:
    """Return the first hidden layer's activations (D,) of an image (1, H, W, C)."""
    assert isinstance(model.network, MLP)
    flattened, linear, activation = model.network.body[:3]
    with torch.inference_mode():
        found: Tensor = activation(linear(flattened(model.network.standardize(as_tensor(image)))))[0]
    return found


def simulate(h: Tensor, rate: float, draws: int, *, seed: int) -> dict[str, Any]:
    """Draw masks over activations (D,) by both conventions and compare their means with the output in testing.

    Errors are the largest distance of a unit's mean from its output in testing, in standard errors; `bound` is what the
    largest of D independent normal deviations stays below 99 times in 100.
    """
    torch.manual_seed(seed)
    layers = {"inverted": nn.Dropout(rate), "classic": ClassicDropout(rate)}
    active = h[h > 0]
    found: dict[str, Any] = {}
    for name, layer in layers.items():
        train = layer.train()(active.expand(draws, -1)).double()
        test = layer.eval()(active).double()
        error = (train.mean(0) - test).abs() / (train.std(0) / draws**0.5)
        found |= {f"{name}_error": float(error.max()), f"{name}_test": float(test[0])}
        found[name] = (train[:, 0].cumsum(0) / torch.arange(1, draws + 1)).numpy()
        found[f"{name}_mean"] = float(train.mean())
    found["units"] = len(active)
    found["ratio"] = found["classic_mean"] / found["inverted_mean"]
    found["bound"] = float(torch.special.ndtri(torch.tensor(0.5 + 0.99 ** (1 / len(active)) / 2, dtype=torch.float64)))
    return found


def rescaled(model: Trained, factor: float) -> Trained:
    """Return a copy without dropout in which the weights of every layer after a dropout are multiplied by a factor."""
    network: Any = copy.deepcopy(model.network)
    later = [*network.body, network.head]
    for before, layer in itertools.pairwise(later):
        if isinstance(before, ClassicDropout):
            before.rate = 0.0
            with torch.no_grad():
                layer.weight.mul_(factor)
    return Trained(network, model.history, model.steps)


def divided(model: Trained, rate: float) -> Trained:
    """Return a network trained with plain zeros that divides by q in testing: the slip."""
    return rescaled(model, 1 / (1 - rate))


def agreement(model: Trained, rate: float, images: NDArray[np.uint8]) -> float:
    """Return the largest difference between logits of a network with test-time scaling and of one whose weights carry the q.

    The second is what inverted dropout tests: a network that changes nothing in testing.
    """
    return float(np.abs(model.logits(images) - rescaled(model, 1 - rate).logits(images)).max())


def loss(logits: Floats, labels: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy in nats of logits (N, K)."""
    return float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))


def running(found: dict[str, Any], rate: float) -> Figure:
    """Draw the running mean of a unit over masks by both conventions, with its outputs in testing."""
    drawn, axes = figure(6, 3.6)
    for color, (name, label) in zip(
        COLORS, {"inverted": "inverted dropout", "classic": "test-time scaling"}.items(), strict=False
    ):
        axes.plot(np.arange(1, len(found[name]) + 1), found[name], color=color, label=f"{label}: mean in training")
        axes.axhline(found[f"{name}_test"], color=color, linestyle="--", linewidth=1, label=f"{label}: in testing")
    log_scale(axes, across=True)
    axes.set_xlabel(f"masks drawn at p = {rate:g}")
    axes.set_ylabel("output of one hidden unit")
    axes.legend(frameon=False)
    last = {name: (float(found[name][-1]), found[f"{name}_test"]) for name in ("inverted", "classic")}
    return Figure(
        drawn,
        "Running mean of one hidden unit over random masks. With inverted dropout it ends at "
        f"{last['inverted'][0]:.2f}, and the output in testing is {last['inverted'][1]:.2f}; with test-time scaling at "
        f"{last['classic'][0]:.2f} and {last['classic'][1]:.2f}.",
    )


def by_rate(hits: dict[float, list[Floats]]) -> Figure:
    """Draw test accuracy by dropout rate: one dot per seed, and the mean."""
    drawn, axes = figure(5, 3.4)
    rates = sorted(hits)
    for place, p in enumerate(rates):
        values = [100 * float(rows.mean()) for rows in hits[p]]
        axes.plot([place] * len(values), values, "o", color=FAINT, label="one seed" if not place else None)
    axes.plot(range(len(rates)), [100 * np.mean(hits[p]) for p in rates], color=INK, marker="_", label="mean")
    axes.set_xticks(range(len(rates)), [f"{p:g}" for p in rates])
    axes.set_xlabel("dropout rate p")
    axes.set_ylabel("test accuracy in %")
    axes.legend(frameon=False)
    told = ", ".join(f"{100 * np.mean(hits[p]):.1f} % at {p:g}" for p in rates)
    return Figure(drawn, f"Test accuracy by dropout rate, one dot per seed and their mean: {told}.")
