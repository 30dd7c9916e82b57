"""The distribution of each column among samples, beside that of real rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.data.tabular.columns import Column
from darkroom.figures import COLORS, save

Rows = NDArray[np.float32]
DRAWN, COLUMNS, BINS, NAMED = 12, 4, 20, 5
"""Columns of the table that the figure shows; panels in a row; bins of a histogram, or most categories of a panel; most
categories whose names it shows."""


def column_distances(samples: Rows, store: Store, test: NDArray[np.int64], columns: Sequence[Column]) -> dict[str, Any]:
    """Return the entry `columns` of metrics.json for samples (M, D)."""
    train, of = store.rows("train"), {}
    for place, column in enumerate(columns):
        real = store.samples[test, place]
        distance = shares_apart if column.kind == "category" else steps_apart
        found = (distance(values, real) for values in (samples[:, place], store.samples[train, place]))
        of[column.name] = dict(zip(("distance", "floor"), found, strict=True))
    means = {key: float(np.mean([each[key] for each in of.values()])) for key in ("distance", "floor")}
    return {"mean": means["distance"], "mean_floor": means["floor"], "of": of}


def steps_apart(first: Rows, second: Rows) -> float:
    """Return the largest difference between the distribution functions of numbers (N,) and (M,), NaN below all others."""
    parts = [np.sort(np.where(np.isnan(values), -np.inf, values)) for values in (first, second)]
    every = np.concatenate(parts)
    below, other = (np.searchsorted(part, every, side="right") / len(part) for part in parts)
    return float(np.abs(below - other).max())


def shares_apart(first: Rows, second: Rows) -> float:
    """Return half the summed differences between the shares of codes (N,) and (M,), NaN being one."""
    parts = [np.where(np.isnan(values), -1, values) for values in (first, second)]
    codes = np.unique(np.concatenate(parts))
    shares = [np.array([(part == code).mean() for code in codes]) for part in parts]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def draw_marginals(parts: Mapping[str, Rows], columns: Sequence[Column], path: Path) -> None:
    """Plot the distribution of the first columns among several sets of rows (N, D); missing cells are left out."""
    shown = columns[:DRAWN]
    across = min(COLUMNS, len(shown))
    drawn = Figure(figsize=(2.6 * across, 2.2 * math.ceil(len(shown) / across)), layout="constrained")
    places = drawn.subplots(math.ceil(len(shown) / across), across, squeeze=False).ravel()
    for place, (axes, column) in enumerate(zip(places, shown, strict=False)):
        known = {name: rows[~np.isnan(rows[:, place]), place] for name, rows in parts.items()}
        together = np.concatenate([*known.values()])
        if column.kind == "category":
            edges = np.arange(min(len(column.categories), BINS) + 1) - 0.5
        else:
            edges = np.histogram_bin_edges(together, BINS) if len(together) else np.array([0.0, 1.0])
        for (label, values), color in zip(known.items(), COLORS, strict=False):
            weights = np.full(len(values), 1 / max(1, len(values)))
            axes.hist(values, bins=edges, weights=weights, histtype="step", label=label, color=color, linewidth=1.4)
        axes.set_title(column.name[:24], fontsize=9)
        axes.tick_params(labelsize=7)
        if column.kind == "category" and len(column.categories) <= NAMED:
            axes.set_xticks(range(len(column.categories)), [name[:8] for name in column.categories])
    for axes in places[len(shown) :]:
        axes.remove()
    places[0].legend(frameon=False, fontsize=7)
    save(drawn, path)
