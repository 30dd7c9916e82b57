"""Pictures of the data card for several labels or numbers per image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom import figures
from darkroom.data.store import SPLITS, Store
from darkroom.data.words import shown

MOST_LABELS = 40
"""Labels in the picture of pairs, the most frequent ones."""
MOST_NUMBERS = 24
"""Numbers with a histogram."""
GROUPS = 8
"""Groups of images with similar numbers, for examples and means."""
SPLIT_COLORS = dict(zip(SPLITS, (figures.COLORS[0], figures.COLORS[2], figures.COLORS[1]), strict=True))

Rows = dict[str, NDArray[np.int64]]


def groups(store: Store) -> Rows:
    """Return the images to show together, by name: those with each label, or by the range of the first number."""
    values = store.targets
    if store.target.kind == "labels":
        found = {name: np.flatnonzero(values[:, k] == 1) for k, name in enumerate(store.target.names)}
        return {name: rows for name, rows in found.items() if len(rows)}
    first = values[:, 0]
    order = np.argsort(first, kind="stable")[: int((~np.isnan(first)).sum())]
    parts = [part for part in np.array_split(order, GROUPS) if len(part)]
    alike: Rows = {}
    for part in parts:
        name = _range(first[part])  # groups of one value, if many images have it
        alike[name] = np.concatenate([alike[name], part]) if name in alike else part
    return alike


def _range(values: NDArray[Any]) -> str:
    low, high = f"{values[0]:.3g}", f"{values[-1]:.3g}"
    return low if low == high else f"{low} to {high}"


def draw_pairs(path: Path, store: Store) -> None:
    """Draw which labels come together: of the images with the row's label, the share that has the column's, too."""
    values = store.targets == 1
    order = np.argsort(-values.sum(0), kind="stable")[:MOST_LABELS]
    chosen = values[:, order[values[:, order].any(0)]].astype(np.float64)
    names = [shown(store.target.names[k], 20) for k in order[values[:, order].any(0)]]
    shares = chosen.T @ chosen / chosen.sum(0)[:, None]
    side = 1.6 + (0.5 if len(names) <= 12 else 0.24) * len(names)
    drawn, axes = figures.figure(side + 1, side)
    shades = axes.imshow(np.where(np.eye(len(names), dtype=bool), np.nan, shares), cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 12:
        for row, column in zip(*np.nonzero(~np.eye(len(names), dtype=bool)), strict=True):
            value = shares[row, column]
            color = "white" if value > 0.6 else figures.INK
            axes.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(length=0)
    axes.set_xlabel("… also have this label")
    axes.set_ylabel("of the images with this label …")
    drawn.colorbar(shades, ax=axes, shrink=0.7)
    figures.save(drawn, path)


def draw_numbers(path: Path, store: Store) -> None:
    """Draw a histogram of each number, split by split."""
    names = store.target.names[:MOST_NUMBERS]
    columns = min(3, len(names))
    lines = math.ceil(len(names) / columns)
    drawn = Figure(figsize=(3.1 * columns + 0.6, 2.4 * lines + 0.4), layout="constrained")
    cells = drawn.subplots(lines, columns, squeeze=False)
    values, parts = store.targets, store.items["split"].to_numpy()
    for k, (axes, name) in enumerate(zip(cells.flat, names, strict=False)):
        known = ~np.isnan(values[:, k])
        edges = np.histogram_bin_edges(
            values[known, k].astype(np.float64), bins=min(40, max(5, int(known.sum() ** 0.5)))
        )
        data = [values[known & (parts == part), k] for part in SPLITS]
        axes.hist(data, bins=edges, stacked=True, color=list(SPLIT_COLORS.values()), label=SPLITS)
        axes.set_xlabel(shown(name))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in cells.flat[len(names) :]:
        axes.set_axis_off()
    for axes in cells[:, 0]:
        axes.set_ylabel("images")
    drawn.legend(*cells[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figures.save(drawn, path)
