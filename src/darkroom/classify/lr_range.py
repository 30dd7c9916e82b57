"""The job `classify lr_range`: find a learning rate by a range test (Smith 2017, arXiv 1506.01186), for `lr: auto`.

The rate rises exponentially from `LOWEST` to `HIGHEST`, by the same factor at every step, until the loss diverges. The
chosen rate is the geometric mean of the one at which the smoothed loss falls fastest per decade and the one at which it is
lowest: the first alone is slow, the second close to divergence. `benchmarks/lr_range.py` compares the rules.

lr_range.json   lr, and the rates of the steepest descent, of the lowest loss and of the last step
lr_range.csv    one row per step: lr, loss, smoothed
lr_range.png    the smoothed loss by rate
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.classify.task import ClassifierTask
from darkroom.classify.tuning.rate import FOUND, with_rate
from darkroom.data.store import labeled, open_store
from darkroom.figures import ACCENT, FAINT, figure, log_scale, save
from darkroom.fit.batches import Batches
from darkroom.fit.schedules import Schedule, Scheduler
from darkroom.fit.task import Optimized
from darkroom.log import Log, silent
from darkroom.nets import pretrained

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 1e-6, 10.0
STEPS = 140
"""20 steps per decade."""
DIVERGED = 4.0
"""The test ends once the running mean of the loss exceeds its minimum by this factor."""
MEMORY = 0.9
"""Decay of that running mean."""
WIDTH = 4.0
"""Standard deviation, in steps, of the Gaussian kernel that smooths the loss."""
LEAST_FALL = 0.02
"""Share of the first loss by which the smoothed loss must fall."""


def run(
    spec: TrainSpec,
    *,
    data: Path,
    copies: Path | None = None,
    features: Path | None = None,
    weights: Path | None = None,
    teacher: Path | None = None,
    out: Path,
    log: Log,
) -> None:
    """Sweep the learning rate of a classifier on the train split of `data`; inputs are those of `classify train`.

    Raises ValueError if the loss falls at no rate, or the training images have fewer than two classes.
    """
    spec, store = with_rate(pretrained.localized(spec, weights), LOWEST), open_store(data)
    rows = train.kept(spec, store, labeled(store, "train"))
    network, way = train.start(spec, store, rows, features=features)
    more = open_store(copies) if copies else None
    task, batches = train.prepare(spec, network, way, store, rows, more, teacher=teacher, kind=RangeTest)
    assert isinstance(task, RangeTest)
    rates, losses = sweep(task, batches, seed=spec.seed)
    smoothed = smooth(losses)
    fastest, lowest = landmarks(rates, smoothed)
    chosen = _rounded(math.sqrt(fastest * lowest))
    found = {"lr": chosen, "steepest": fastest, "lowest_loss": lowest, "last": float(rates[-1])}
    with files.folder(out) as fresh:
        files.write_json(fresh / FOUND, {name: _rounded(rate) for name, rate in found.items()})
        table = pd.DataFrame({"lr": rates, "loss": losses, "smoothed": smoothed})
        table.to_csv(fresh / "lr_range.csv", index=False)
        draw(table, chosen, fresh / "lr_range.png")
    log({"learning_rate": chosen})


class SweptError(Exception):
    """The sweep has reached its last rate, or the loss diverged."""


class RangeTest(ClassifierTask):
    """A classifier whose learning rate rises exponentially; `swept` holds the loss of every step."""

    swept: list[float]

    def optimizers(self) -> list[Optimized]:
        (built,) = super().optimizers()
        ratio = HIGHEST / LOWEST
        self.swept, self._mean, self._lowest = [], 0.0, math.inf
        return [Optimized(built.optimizer, Scheduler(built.optimizer, Schedule(lambda done: ratio**done), STEPS))]

    def note(self, values: dict[str, Tensor], items: int) -> None:
        """Keep the loss. Raises SweptError once the test is over."""
        loss = float(values["loss"].detach())
        if not math.isfinite(loss):
            raise SweptError
        self.swept.append(loss)
        self._mean = MEMORY * self._mean + (1 - MEMORY) * loss
        mean = self._mean / (1 - MEMORY ** len(self.swept))
        self._lowest = min(self._lowest, mean)
        if mean > DIVERGED * self._lowest or len(self.swept) == STEPS:
            raise SweptError


def sweep(task: RangeTest, batches: Batches, *, seed: int) -> tuple[Floats, Floats]:
    """Train until the test is over; return the rate and the loss of every step (S,)."""
    from darkroom.fit.trainer import fit  # Lightning takes seconds to import

    task.settings = task.settings.bare(math.ceil(STEPS / len(batches)))
    with contextlib.suppress(SweptError):
        fit(task, batches, None, seed=seed, log=silent)
    losses = np.array(task.swept)
    return LOWEST * (HIGHEST / LOWEST) ** (np.arange(len(losses)) / (STEPS - 1)), losses


def smooth(losses: Floats) -> Floats:
    """Smooth losses (S,) with a Gaussian kernel, normalized at the ends."""
    steps = np.arange(len(losses))
    kernel = np.exp(-0.5 * ((steps[:, None] - steps) / WIDTH) ** 2)
    smoothed: Floats = kernel @ losses / kernel.sum(1)
    return smoothed


def landmarks(rates: Floats, smoothed: Floats) -> tuple[float, float]:
    """Return the rate at which the smoothed loss (S,) falls fastest per decade before its minimum, and that of the minimum.

    Raises ValueError if the loss falls by less than a share of `LEAST_FALL`.
    """
    lowest = int(smoothed.argmin())
    if lowest < 2 or smoothed[0] - smoothed[lowest] < LEAST_FALL * abs(smoothed[0]):
        raise ValueError(
            f"training.optimizer.lr is auto, but the loss falls at no learning rate from {LOWEST:g} to {HIGHEST:g}; "
            "give a number"
        )
    slope = np.gradient(smoothed, np.log10(rates))[: lowest + 1]
    return float(rates[slope.argmin()]), float(rates[lowest])


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")


def draw(table: pd.DataFrame, chosen: float, path: Path) -> None:
    """Draw the loss by learning rate, with the chosen rate."""
    drawn, axes = figure(6, 3.4)
    axes.plot(table["lr"], table["loss"], color=FAINT, linewidth=1, label="loss of each step")
    axes.plot(table["lr"], table["smoothed"], color=ACCENT, label="smoothed")
    axes.axvline(chosen, color=ACCENT, linestyle="--", linewidth=1, label=f"chosen: {chosen:g}")
    log_scale(axes, across=True)
    top = float(table["smoothed"].iloc[0]), float(table["smoothed"].min())
    axes.set_ylim(min(0.0, top[1]), 1.5 * top[0])
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.legend(frameon=False)
    save(drawn, path)
