"""Validate and test the rungs of a ladder within a budget of counted work; see `work`, `choice`.

1. Rungs on frozen features take seconds: each is validated on all folds of the training images.
2. The others enter in order while their work fits into the budget for one validation fold and for the final fit. The first
   that does not fit trains for as many epochs as fit, but for `FEWEST_EPOCHS` at least; otherwise it is left out.
3. Rounds: in each, every rung left is validated on one more fold, and stops if it cannot win. Rounds go on while the budget
   has room for the next one and for the final fits.
4. Every rung left, and those on frozen features, is fitted to all training images and tested.

Only the clock stop looks at measured seconds: after `CLOCK` times the budget no training of a network starts but the chosen
rung's last. What it stops is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from darkroom.classify.config import Classifier
from darkroom.fit.model import Fitted
from darkroom.ladder.choice import Step, cannot_win, climb
from darkroom.ladder.rungs import Cost, Fits, Rows, frozen
from darkroom.ladder.work import Budget
from darkroom.log import complain

FEWEST_EPOCHS = 4
CLOCK = 2.0
"""Times the budget in minutes of the clock after which no training starts."""

Status = Literal["tested", "stopped", "no budget", "clock"]


@dataclass
class Rung:
    """One rung and what is known of it."""

    name: str
    settings: Classifier
    cost: Cost
    status: Status = "tested"
    reason: str = ""
    right: list[NDArray[np.float64]] = field(default_factory=list)
    """Share of seeds that are right on each image of every validated fold."""
    tested: list[Rows] = field(default_factory=list)
    """Predicted labels of the test images, by seed."""
    seconds: float = 0.0
    """Measured, of its fits and predictions."""

    @property
    def left(self) -> bool:
        return self.status == "tested"

    def end(self, status: Status, reason: str) -> None:
        """Leave the rung out from here on."""
        self.status, self.reason = status, reason

    def shorten(self, epochs: int) -> None:
        """Train for fewer epochs."""
        training = self.settings.training.model_copy(update={"epochs": epochs})
        self.settings = self.settings.model_copy(update={"training": training})
        self.cost = Cost(self.settings, self.cost.work, self.cost.classes, self.cost.threads)


class Ascent:
    """Climbs the rungs: `pool` are the training images, split into validation `folds` (N,), `test` those to test on."""

    def __init__(
        self,
        fits: Fits,
        rungs: Mapping[str, Classifier],
        costs: Mapping[str, Cost],
        *,
        pool: Rows,
        folds: Rows,
        test: Rows,
        seeds: Sequence[int],
        budget: Budget,
    ) -> None:
        self.fits, self.seeds, self.budget = fits, seeds, budget
        self.pool, self.folds, self.test = pool, folds, test
        self.rungs = [Rung(name, settings, costs[name]) for name, settings in rungs.items()]
        self.started = time.monotonic()
        self.model: tuple[Rung, nn.Module, Fitted] | None = None
        """The chosen rung, fitted to all training images with the first seed."""

    def run(self) -> tuple[str, list[Step]]:
        """Validate, choose and test; returns the name of the chosen rung and the comparisons that led there."""
        base = [rung for rung in self.rungs if frozen(rung.settings)]
        for rung in base:
            for fold in range(self.folds.max() + 1):
                self._validate(rung, fold)
        self._rounds([rung for rung in self._admitted() if rung not in base], base)
        chosen, steps = climb({rung.name: rung.right for rung in self.rungs if rung.left and rung.right})
        for rung in self.rungs:
            if rung.left:
                self._finish(rung, chosen=rung.name == chosen)
        return chosen, steps

    def _admitted(self) -> list[Rung]:
        """Return the rungs that fit into the budget, with as many epochs as fit."""
        reserved, kept = 0.0, []
        for rung in self.rungs:
            if frozen(rung.settings):
                continue
            wanted = rung.settings.training.epochs
            epochs = range(wanted, min(wanted, FEWEST_EPOCHS) - 1, -1)
            fitting = (e for e in epochs if reserved + self._least(rung, e) <= self.budget.left)
            if (found := next(fitting, None)) is None:
                needed, left = (self._least(rung, epochs[-1]) / 60, (self.budget.left - reserved) / 60)
                rung.end(
                    "no budget", f"needs {needed:.1f} min for {epochs[-1]} epochs, and {max(left, 0):.1f} min are left"
                )
                continue
            if found < wanted:
                rung.shorten(found)
            reserved += self._least(rung, found)
            kept.append(rung)
        return kept

    def _rounds(self, rungs: list[Rung], base: list[Rung]) -> None:
        """Validate fold by fold while all of these rungs that are left fit into the budget."""
        best = climb({rung.name: rung.right for rung in base})[0] if base else None
        beat = next((rung.right for rung in base if rung.name == best), None)
        for fold in range(self.folds.max() + 1):
            going = [rung for rung in rungs if rung.left]
            needed = sum(self._fold(rung) + self._final(rung) for rung in going)
            if not going or (fold and needed > self.budget.left):
                return
            for rung in going:
                self._validate(rung, fold)
                if rung.left and beat is not None and cannot_win(rung.right, beat):
                    seen = sum(map(len, rung.right))
                    rung.end("stopped", f"cannot beat {best} after {seen} validation images")

    def _least(self, rung: Rung, epochs: int) -> float:
        return self._fold(rung, epochs) + self._final(rung, epochs)

    def _fold(self, rung: Rung, epochs: int | None = None) -> float:
        held_out = len(self.pool) // (int(self.folds.max()) + 1)
        each = rung.cost.fit(len(self.pool) - held_out, epochs) + rung.cost.predict(held_out)
        return len(self.seeds) * each

    def _final(self, rung: Rung, epochs: int | None = None) -> float:
        return len(self.seeds) * (rung.cost.fit(len(self.pool), epochs) + rung.cost.predict(len(self.test)))

    def _validate(self, rung: Rung, fold: int) -> None:
        """Fit a rung to the images outside a fold with every seed, and note which of the fold's it gets right."""
        inside, outside = self.pool[self.folds == fold], self.pool[self.folds != fold]
        labels = self.fits.store.labels[inside]
        right = []
        for seed in self.seeds:
            if (found := self._fitted(rung, outside, inside, seed)) is None:
                return
            right.append(found[2] == labels)
        rung.right.append(np.mean(right, axis=0))
        self.budget.spend(self._fold(rung))

    def _finish(self, rung: Rung, *, chosen: bool) -> None:
        """Fit a rung to all training images with every seed, and test it."""
        for seed in self.seeds:
            if (found := self._fitted(rung, self.pool, self.test, seed, needed=chosen)) is None:
                return
            rung.tested.append(found[2])
            if chosen and self.model is None:
                self.model = rung, found[0], found[1]
        self.budget.spend(self._final(rung))

    def _fitted(
        self, rung: Rung, rows: Rows, others: Rows, seed: int, *, needed: bool = False
    ) -> tuple[Any, Fitted, Rows] | None:
        """Fit a rung to rows and predict others; None once the clock has stopped it, which no frozen or `needed` one is."""
        started = time.monotonic()
        limit, spared = CLOCK * self.budget.total, needed or frozen(rung.settings) or rung is self.rungs[0]
        if started - self.started > limit and not spared:
            rung.end(
                "clock",
                f"not done after {limit / 60:.1f} min on the clock, as this machine is busy or slow; raise ladder.minutes, or "
                "remove the ladder's folder and run again",
            )
            complain(f"ladder: {rung.name} is {rung.reason}")
            return None
        network, fitted = self.fits.fit(rung.settings, rows, seed=seed)
        found = self.fits.predictions(rung.settings, network, others)
        rung.seconds += time.monotonic() - started
        return network, fitted, found
