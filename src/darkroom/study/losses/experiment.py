"""Losses as curves, against outliers, on calibration, on a rare class, and behind the wrong output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from darkroom import figures
from darkroom.classify.calibration import reliability
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.losses.focal import Focal
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.measure.intervals import Number
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import toys, training
from darkroom.study.findings import SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.losses import curves
from darkroom.study.losses.outlier import LOSSES, WORKED, line, location, points

TEST, RARE = 500, 8
STYLES = ("-", "--", "-.", ":")
BINARY_LR = 0.5
"""Learning rate of gradient descent on the saturated classifier."""
Floats = NDArray[np.float64]
Rates = dict[str, list[float]]


@register("study", "losses")
def run(
    *,
    gamma: Annotated[float, Field(ge=0, description="focusing exponent of the focal loss")] = 2.0,
    delta: Annotated[Positive, Field(description="residual at which Huber's loss turns linear")] = 1.0,
    height: Annotated[float, Field(description="height of the outlier above the line")] = 40.0,
    count: Annotated[int, Field(ge=4, description="points on the line")] = 20,
    smoothing: Annotated[float, Field(ge=0, lt=1, description="label smoothing")] = 0.1,
    train: Annotated[int, Field(ge=10, le=1200, description="training images of the calibration experiment")] = 300,
    rare: Annotated[
        int, Field(ge=1, le=80, description="images of the rare class, the digit 8; the other classes keep all theirs")
    ] = 8,
    start: Annotated[float, Field(lt=0, description="logit that the saturated classifier starts from")] = -8.0,
    hidden: Annotated[Count, Field(description="hidden units of the networks")] = 32,
    steps: Annotated[Count, Field(description="optimizer steps of each training")] = 600,
    lr: Annotated[Positive, Field(description="learning rate of Adam")] = 0.01,
    seeds: Annotated[
        int, Field(ge=2, description="paired trainings, each with its own images and initial weights")
    ] = 5,
) -> Findings:
    """Compare losses where they differ."""
    store = training.digits()
    trainer = Trainer(store, hidden=hidden, steps=steps, lr=lr)
    slopes = _slopes(count, height, delta, seeds)
    smooth = [trainer.calibration(smoothing, train, seed) for seed in range(seeds)]
    plain = [trainer.calibration(0.0, train, seed) for seed in range(seeds)]
    focal = [trainer.rare_class(Focal(gamma=gamma), rare, seed) for seed in range(seeds)]
    cross = [trainer.rare_class(CrossEntropy(), rare, seed) for seed in range(seeds)]
    learned = {name: [saturated(store, name, start, steps, seed) for seed in range(seeds)] for name in ("BCE", "MSE")}
    at = torch.tensor([start], dtype=torch.float64)
    bce, *_, squared = curves.margins(gamma)
    values = np.array(WORKED)
    return Findings(
        numbers={
            "off": max(curves.deviation(loss) for loss in (*curves.margins(gamma), *curves.residuals(delta))),
            "worked": WORKED,
            "location": {loss: location(values, loss, delta=delta) for loss in LOSSES},
            "slope": {loss: mean(found) for loss, found in slopes.items()},
            "ece": mean([ece for ece, _ in plain], SHARES),
            "ece_smooth": mean([ece for ece, _ in smooth], SHARES),
            "ece_gain": gain([ece for ece, _ in smooth], [ece for ece, _ in plain]),
            "smooth_accuracy": gain([right for _, right in smooth], [right for _, right in plain]),
            "recall": mean([recall for recall, _ in cross], SHARES),
            "recall_focal": mean([recall for recall, _ in focal], SHARES),
            "recall_gain": gain([recall for recall, _ in focal], [recall for recall, _ in cross]),
            "others_gain": gain([right for _, right in focal], [right for _, right in cross]),
            "pull_bce": float(bce.gradient(at)),
            "pull_mse": float(squared.gradient(at)),
            "found": {name: mean([path[-1] for path in paths], SHARES) for name, paths in learned.items()},
            "found_gain": gain([p[-1] for p in learned["BCE"]], [p[-1] for p in learned["MSE"]]),
        },
        figures={
            "margins": _curves(curves.margins(gamma), "logit z of the right class", 5),
            "residuals": _curves(curves.residuals(delta), "residual r", 4),
            "line": _line(count, height, delta),
            "pairing": _pairing(learned),
        },
        tables={
            "curves": _table(gamma),
            "outlier": _outliers(values, delta, slopes),
            "trained": _trained(plain, smooth, cross, focal),
        },
    )


class Trainer:
    """Trains networks on digits with different losses, from the same initial weights and on the same batches."""

    def __init__(self, store: Store, *, hidden: int, steps: int, lr: float) -> None:
        self.store, self.hidden, self.steps, self.lr = store, hidden, steps, lr

    def calibration(self, smoothing: float, train: int, seed: int) -> tuple[float, float]:
        """Return the expected calibration error and the accuracy on test images, after training with label smoothing."""
        rows = training.divide(self.store, train=train, val=0, test=TEST, seed=seed)
        logits = self._logits(CrossEntropy(label_smoothing=smoothing), rows.train, rows.test, seed)
        probabilities, labels = logits.softmax(1).double().numpy(), self.store.labels[rows.test]
        return calibration_error(probabilities, labels), float((probabilities.argmax(1) == labels).mean())

    def rare_class(self, loss: nn.Module, rare: int, seed: int) -> tuple[float, float]:
        """Return the recall of the rare class and the accuracy on the others, after training with few of it."""
        rows = training.divide(self.store, train=1000, val=0, test=TEST, seed=seed)
        own = self.store.labels[rows.train] == RARE
        kept = np.concatenate([rows.train[~own], rows.train[own][:rare]])
        predicted = self._logits(loss, kept, rows.test, seed).argmax(1).numpy()
        labels = self.store.labels[rows.test]
        right = predicted == labels
        return float(right[labels == RARE].mean()), float(right[labels != RARE].mean())

    def _logits(self, loss: nn.Module, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> Tensor:
        targets = F.one_hot(torch.tensor(self.store.labels[train]), 10).float()
        network = toys.trained_mlp(
            self.store, train, targets, loss=loss, outputs=10, hidden=[self.hidden], lr=self.lr, steps=self.steps, seed=seed
        )  # fmt: skip
        return toys.logits(network, self.store, test)


def calibration_error(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error: |accuracy − confidence| in 15 bins, weighted by their images."""
    confidence, accuracy, counts = reliability(probabilities, labels)
    return float((np.nan_to_num(np.abs(accuracy - confidence)) * counts).sum() / counts.sum())


def saturated(store: Store, loss: str, start: float, steps: int, seed: int) -> list[float]:
    """Train one sigmoid to find the zeros among digits, from a bias that says no to everything.

    Returns the share of zeros found, on test images, before every tenth step and at the end. Weights start at zero; BCE and
    MSE of the sigmoid get the same gradient descent on all training images.
    """
    rows = training.divide(store, train=500, val=0, test=TEST, seed=seed)
    pixels, wanted = as_tensor(store.samples).flatten(1), torch.tensor(store.labels == 0).float()
    pixels = pixels - pixels[rows.train].mean()
    layer = nn.Linear(pixels.shape[1], 1)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, start)
    descent = torch.optim.SGD(layer.parameters(), BINARY_LR)
    zeros = rows.test[store.labels[rows.test] == 0]

    def cost(logits: Tensor, targets: Tensor) -> Tensor:
        if loss == "BCE":
            return F.binary_cross_entropy_with_logits(logits[:, 0], targets)
        return F.mse_loss(logits[:, 0].sigmoid(), targets)

    path = []
    for _ in range(max(1, steps // 10)):
        with torch.inference_mode():
            path.append(float((layer(pixels[zeros]) > 0).float().mean()))
        toys.fit(layer, pixels[rows.train], wanted[rows.train], loss=cost, optimizer=descent, steps=10)
    with torch.inference_mode():
        return [*path, float((layer(pixels[zeros]) > 0).float().mean())]


def _slopes(count: int, height: float, delta: float, seeds: int) -> Rates:
    drawn = [points(count, height, seed) for seed in range(seeds)]
    return {loss: [float(line(x, y, loss, delta=delta)[1]) for x, y in drawn] for loss in LOSSES}


def _table(gamma: float) -> Table:
    places = torch.tensor([-2.0, 0.0, 2.0], dtype=torch.float64)
    columns = {f"{what} at {place}": "decimal" for what in ("loss", "slope") for place in ("−2", "0", "2")}
    rows = {
        loss.title: [*loss.value(places).tolist(), *loss.gradient(places).tolist()] for loss in curves.margins(gamma)
    }
    return Table("Loss of the logit z", columns, rows)


def _outliers(values: Floats, delta: float, slopes: Rates) -> Table:
    rows: dict[str, Sequence[Number | float]] = {
        loss: [location(values, loss, delta=delta), mean(found)] for loss, found in slopes.items()
    }
    return Table("Loss", {"Best constant": "decimal", "Slope of the line, true 2": "decimal"}, rows)


def _trained(
    plain: Sequence[tuple[float, float]],
    smooth: Sequence[tuple[float, float]],
    cross: Sequence[tuple[float, float]],
    focal: Sequence[tuple[float, float]],
) -> Table:
    def both(found: Sequence[tuple[float, float]]) -> list[Number]:
        return [mean([one[0] for one in found], SHARES), mean([one[1] for one in found], SHARES)]

    columns = {
        "Calibration error": "percent",
        "Accuracy": "percent",
        "Recall of the rare class": "percent",
        "Others": "percent",
    }
    rows: dict[str, Sequence[Number | None]] = {
        "cross-entropy": [*both(plain), *both(cross)],
        "with label smoothing": [*both(smooth), None, None],
        "focal": [None, None, *both(focal)],
    }
    return Table("Loss", columns, rows)


def _curves(losses: Sequence[curves.Loss], across: str, reach: float) -> Figure:
    drawn, (left, right) = figures.panels(2, 9, 3.5)
    at = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    for loss, style in zip(losses, STYLES, strict=False):
        left.plot(at, loss.value(at), linestyle=style, label=loss.title)
        right.plot(at, loss.gradient(at), linestyle=style)
    left.set(xlabel=across, ylabel="loss", ylim=(-0.1, 5))
    right.set(xlabel=across, ylabel="gradient", ylim=(-2.2, 2.2))
    drawn.legend(loc="outside lower center", ncols=4, frameon=False)
    names = ", ".join(loss.title for loss in losses)
    return Figure(drawn, f"Loss on the left and its gradient on the right, by {across}: {names}.")


def _line(count: int, height: float, delta: float) -> Figure:
    drawn, axes = figures.figure(7, 3.6)
    x, y = points(count, height, 0)
    axes.scatter(x, y, s=18, color=figures.INK, label="points")
    fits = {loss: line(x, y, loss, delta=delta) for loss in LOSSES}
    for (loss, (offset, slope)), style in zip(fits.items(), STYLES, strict=False):
        axes.plot(x, offset + slope * x, linestyle=style, label=f"{loss}: slope {slope:.2f}")
    axes.set(xlabel="x", ylabel="y")
    axes.legend(frameon=False)
    told = ", ".join(f"{slope:.2f} with {loss}" for loss, (_, slope) in fits.items())
    return Figure(
        drawn, f"Points around a line of slope 2, the last one an outlier, and three fits. Their slopes: {told}."
    )


def _pairing(learned: dict[str, list[list[float]]]) -> Figure:
    drawn, axes = figures.figure(7, 3.2)
    for (name, paths), style in zip(learned.items(), STYLES, strict=False):
        found = np.mean(paths, axis=0)
        axes.plot(10 * np.arange(len(found)), 100 * found, linestyle=style, label=f"{name} of the sigmoid")
    axes.set(xlabel="step", ylabel="zeros found, %", ylim=(-3, 103))
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Share of zeros found by step, from a classifier that first says no to everything. "
        + ", ".join(
            f"{name} ends at {100 * np.mean([path[-1] for path in paths]):.0f} %" for name, paths in learned.items()
        )
        + ".",
    )
