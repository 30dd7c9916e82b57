"""Softmax and sigmoids on the same digits, once with exclusive classes and once with independent labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from darkroom import figures
from darkroom.data.store import Store
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys, training
from darkroom.study.findings import SHARES, Figure, Findings, Table, gain, mean

FRUITS = ("apple", "banana", "cherry", "grape", "lemon", "pear")
LABELS = {"even": (0, 2, 4, 6, 8), "above four": (5, 6, 7, 8, 9), "has a loop": (0, 6, 8, 9)}
"""Independent labels of a digit; 1 and 3 have none, 6 and 8 have all."""
TEST = 500
Floats = NDArray[np.float64]
Rates = dict[str, list[float]]


@register("study", "outputs")
def run(
    *,
    logits: Annotated[
        tuple[float, ...], Field(min_length=6, max_length=6, description="of the six fruits of the worked example")
    ] = (2.0, 1.0, 0.5, 0.0, -1.0, -2.0),
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1, description="of the softmax")] = (
        0.5,
        1.0,
        2.0,
        5.0,
    ),
    hidden: Annotated[Count, Field(description="hidden units of the networks")] = 32,
    train: Annotated[int, Field(ge=10, le=900, description="training images")] = 400,
    val: Annotated[
        int, Field(ge=10, le=300, description="validation images, which set the thresholds of labels")
    ] = 300,
    steps: Annotated[Count, Field(description="optimizer steps of each training")] = 400,
    lr: Annotated[Positive, Field(description="learning rate of Adam")] = 0.01,
    seeds: Annotated[
        int, Field(ge=2, description="paired trainings, each with its own images and initial weights")
    ] = 5,
) -> Findings:
    """Read six logits in both ways, then train both on exclusive classes and on independent labels."""
    z = torch.tensor(logits, dtype=torch.float64)
    store = training.digits()
    exclusive: Rates = {"softmax": [], "sigmoid": []}
    independent: Rates = {name: [] for name in ("softmax", "sigmoid", "softmax none", "sigmoid none")}
    sums: list[Floats] = []
    for seed in range(seeds):
        rows = training.divide(store, train=train, val=val, test=TEST, seed=seed)
        trainer = Trainer(store, rows, hidden=hidden, lr=lr, steps=steps, seed=seed)
        for link in ("softmax", "sigmoid"):
            right, total = trainer.exclusive(link)
            exclusive[link].append(right)
            sums += [total] if link == "sigmoid" else []
            right, none = trainer.independent(link)
            independent[link].append(right)
            independent[f"{link} none"].append(none)
    total = np.concatenate(sums)
    return Findings(
        numbers={
            "softmax": z.softmax(0).tolist(),
            "sigmoid": z.sigmoid().tolist(),
            "sigmoid_sum": float(z.sigmoid().sum()),
            "sharpest": float((z / min(temperatures)).softmax(0).max()),
            "flattest": float((z / max(temperatures)).softmax(0).max()),
            "exclusive": {link: mean(rates, SHARES) for link, rates in exclusive.items()},
            "exclusive_gain": gain(exclusive["softmax"], exclusive["sigmoid"]),
            "independent": {link.replace(" ", "_"): mean(rates, SHARES) for link, rates in independent.items()},
            "independent_gain": gain(independent["sigmoid"], independent["softmax"]),
            "sum_low": float(np.quantile(total, 0.05)),
            "sum_high": float(np.quantile(total, 0.95)),
        },
        figures={"fruits": _fruits(z), "temperature": _temperature(z, temperatures), "sums": _sums(total)},
        tables={"fruits": _worked(z), "trained": _trained(exclusive, independent)},
    )


class Trainer:
    """Trains one network per question on the same images, from the same initial weights."""

    def __init__(self, store: Store, rows: training.Division, *, hidden: int, lr: float, steps: int, seed: int) -> None:
        self.store, self.rows = store, rows
        self.hidden, self.lr, self.steps, self.seed = hidden, lr, steps, seed

    def exclusive(self, link: str) -> tuple[float, Floats]:
        """Learn the ten classes; return the test accuracy and the sums of each test image's outputs (N,)."""
        one_hot = F.one_hot(torch.tensor(self.store.labels[self.rows.train]), 10).float()
        logits = self._logits(link, one_hot, self.rows.test)
        outputs = logits.softmax(1) if link == "softmax" else logits.sigmoid()
        right = (logits.argmax(1).numpy() == self.store.labels[self.rows.test]).mean()
        return float(right), outputs.sum(1).double().numpy()

    def independent(self, link: str) -> tuple[float, float]:
        """Learn the three labels; return the share of test images with all three right, and of those without a label.

        A threshold on the outputs, chosen on validation images, decides which labels an image gets.
        """
        both = np.concatenate([self.rows.val, self.rows.test])
        logits = self._logits(link, labels_of(self.store.labels[self.rows.train]), both)
        outputs = logits.softmax(1) if link == "softmax" else logits.sigmoid()
        truth = labels_of(self.store.labels[both]).bool()
        known = len(self.rows.val)
        right = {t: ((outputs > t) == truth).all(1) for t in np.linspace(0.05, 0.95, 19)}
        best = max(right, key=lambda threshold: float(right[threshold][:known].float().mean()))
        tested, without = right[best][known:].float(), ~truth[known:].any(1)
        return float(tested.mean()), float(tested[without].mean())

    def _logits(self, link: str, targets: Tensor, rows: NDArray[np.int64]) -> Tensor:
        network = toys.trained_mlp(
            self.store,
            self.rows.train,
            targets,
            loss=softmax_loss if link == "softmax" else F.binary_cross_entropy_with_logits,
            outputs=targets.shape[1],
            hidden=[self.hidden],
            lr=self.lr,
            steps=self.steps,
            seed=self.seed,
        )
        return toys.logits(network, self.store, rows)


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy with targets (B, K) shared evenly among an image's labels; images without one are left out."""
    shares = targets / targets.sum(1, keepdim=True).clamp_min(1)
    return -(shares * logits.log_softmax(1)).sum(1).mean()


def labels_of(digits: NDArray[np.int64]) -> Tensor:
    """Return the independent labels (N, 3) of digits (N,)."""
    table = torch.tensor([[float(digit in members) for members in LABELS.values()] for digit in range(10)])
    return table[torch.tensor(digits)]


def _worked(z: Tensor) -> Table:
    columns = {"logit z": "decimal", "softmax": "decimal", "sigmoid": "decimal"}
    cells = zip(FRUITS, z.tolist(), z.softmax(0).tolist(), z.sigmoid().tolist(), strict=True)
    rows: dict[str, Sequence[float | None]] = {fruit: [*values] for fruit, *values in cells}
    rows["sum"] = [None, float(z.softmax(0).sum()), float(z.sigmoid().sum())]
    return Table("Fruit", columns, rows)


def _trained(exclusive: Rates, independent: Rates) -> Table:
    columns = {"Ten classes": "percent", "Three labels, all right": "percent", "Digits without a label": "percent"}
    rows = {
        link: [mean(rates, SHARES) for rates in (exclusive[link], independent[link], independent[f"{link} none"])]
        for link in ("softmax", "sigmoid")
    }
    return Table("Output", columns, rows)


def _fruits(z: Tensor) -> Figure:
    drawn, axes = figures.figure(7, 3.2)
    places = np.arange(len(FRUITS))
    sides = (
        ("softmax: which fruit is it?", z.softmax(0), "//"),
        ("sigmoid: which are in the basket?", z.sigmoid(), ""),
    )
    for side, (title, values, hatch) in enumerate(sides):
        axes.bar(places + 0.4 * side - 0.2, values, width=0.38, label=title, hatch=hatch, edgecolor="white")
    axes.set(ylabel="output", xticks=places, xticklabels=FRUITS, ylim=(0, 1))
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Outputs for six fruits from the same logits. The softmax's bars add up to 1 and the first takes most; the sigmoids' "
        f"bars are independent and add up to {float(z.sigmoid().sum()):.2f}.",
    )


def _temperature(z: Tensor, temperatures: Sequence[float]) -> Figure:
    drawn, axes = figures.figure(7, 3.2)
    for temperature, marker in zip(temperatures, "os^Dvx" * len(temperatures), strict=False):
        axes.plot(FRUITS, (z / temperature).softmax(0), marker=marker, label=f"T = {temperature:g}")
    axes.set(ylabel="probability", ylim=(0, 1))
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Softmax of the six logits at several temperatures: a low one puts nearly all on the first fruit, a high one is flat.",
    )


def _sums(total: Floats) -> Figure:
    drawn, axes = figures.figure(7, 2.8)
    axes.hist(total, bins=np.linspace(0, 2, 41).tolist(), label="ten sigmoids")
    axes.axvline(1, color=figures.INK, linestyle="--", label="softmax: always 1")
    axes.set(xlabel="sum of the ten outputs of an image", ylabel="test images")
    axes.legend(frameon=False)
    return Figure(
        drawn, "Histogram of the sums of ten sigmoids over test images: around 1, but below and above it too."
    )
