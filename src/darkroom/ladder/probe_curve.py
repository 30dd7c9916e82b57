"""The learning curve of a logistic head on frozen features, which takes seconds, and its forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from darkroom.classify.transfer.frozen import Features
from darkroom.classify.transfer.heads.linear import best_strength
from darkroom.classify.transfer.heads.logistic import Logistic, cross_entropy
from darkroom.data.store import Store
from darkroom.measure.forecast import Forecast, forecasts
from darkroom.measure.learning_curve import SHARES, Curve, Rows, measure

DRAWS = range(10, 2, -1)
"""Draws of every share to choose from: as many as the budget allows."""
FIT = 1e-4
"""Counted seconds per image and class of one fit."""


@dataclass(frozen=True)
class Found:
    """A curve with its forecasts, and its counted seconds."""

    curve: Curve
    forecasts: tuple[Forecast, ...]
    seconds: float


def measured(known: Features, store: Store, pool: Rows, test: Rows, *, seed: int, seconds: float) -> Found | None:
    """Measure the curve on test images with as many draws as fit into counted seconds; None if too few fit.

    The head's strength is chosen once, by cross-validation on all training images.
    """
    once = FIT * len(pool) * len(store.classes)
    cost = {draws: once * (1 + draws * sum(SHARES[:-1])) for draws in DRAWS}
    draws = next((draws for draws in DRAWS if cost[draws] <= seconds), None)
    if draws is None:
        return None
    torch.set_num_threads(1)
    c = strength(known, store, pool, seed=seed)
    groups = store.items["group"].to_numpy(dtype=np.int64)[pool]

    def fit(rows: Rows) -> float:
        return error(known, store, rows, test, c=c, seed=seed)

    curve = measure(fit, pool, store.labels[pool], groups, draws=draws, seed=seed)
    return Found(curve, forecasts(curve, test=len(test)), cost[draws])


def strength(known: Features, store: Store, rows: Rows, *, seed: int) -> float:
    """Return the head's inverse penalty that is best in cross-validation on these rows."""
    examples = known.examples(store, rows, balanced=False, seed=seed)
    return best_strength(examples.standardized(), cross_entropy, penalize_bias=False)[0]


def error(known: Features, store: Store, rows: Rows, test: Rows, *, c: float, seed: int) -> float:
    """Return the test error of a head fitted to these rows."""
    head = Logistic(c=c).fit(known.examples(store, rows, balanced=False, seed=seed))
    with torch.inference_mode():
        predicted = head(torch.from_numpy(known.of(test))).argmax(1).numpy()
    return float((predicted != store.labels[test]).mean())
