"""Figures of an audit: a heatmap of preserved labels, and examples of the worst transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom.figures import INK, figure, save
from darkroom.sheets import enlarge

MARKS = {"keep": "", "weaken": "W", "drop": "D", "unknown": "?", "off": "–"}
LINE = 5
"""Maximum examples per transform and class."""
LOST = "#b3261e"


@dataclass(frozen=True)
class BeforeAfter:
    """An image before and after a transform, (H, W, C) uint8 each, its label, and the prediction after it."""

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    label: str
    answer: str


def draw_heatmap(result: dict[str, Any], path: Path) -> None:
    """Draw the share of preserved labels, transforms × classes; W: weaken, D: drop, ?: unknown, –: switched off."""
    rows, classes = [step for step in result["steps"] if step["judged"]], result["classes"]
    drawn, axes = figure(min(16.0, 2.6 + 0.5 * len(classes)), 1.4 + 0.36 * max(1, len(rows)))
    shares = np.full((max(1, len(rows)), len(classes)), np.nan)
    for row, step in enumerate(rows):
        for column, name in enumerate(classes):
            cell = result["cells"][step["key"]][name]
            if "kept" in cell["numbers"]:
                shares[row, column] = cell["numbers"]["kept"]["value"]
            if len(classes) <= 40 and (mark := MARKS[cell["verdict"]]):
                light = shares[row, column] < 0.45 or np.isnan(shares[row, column])
                axes.text(column, row, mark, ha="center", va="center", fontsize=9, color=INK if light else "white")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    axes.set_yticks(range(len(rows)), [step["title"] for step in rows])
    every = max(1, len(classes) // 40)
    names = [_short(name) for name in classes]
    axes.set_xticks(range(0, len(classes), every), names[::every], rotation=0 if max(map(len, names)) < 4 else 90)
    axes.spines[:].set_visible(False)
    axes.set_title("share of transformed images that keep their label (darker is higher)", fontsize=10)
    save(drawn, path)


def draw_examples(lines: Sequence[tuple[str, Sequence[BeforeAfter]]], path: Path) -> None:
    """Draw one transform and class per row: images before and after, with their label and the prediction."""
    drawn = Figure(figsize=(2 + 1.75 * LINE, max(1, len(lines)) * 1.25), layout="constrained")
    grid = drawn.subplots(max(1, len(lines)), LINE, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for (title, examples), line in zip(lines, grid, strict=False):
        line[0].text(-0.08, 0.5, title, transform=line[0].transAxes, ha="right", va="center", fontsize=10)
        for example, axes in zip(examples, line, strict=False):
            before, after = enlarge(example.before, 64), enlarge(example.after, 64)
            gap = np.full((len(before), len(before[0]) // 8, 3), 255, np.uint8)
            axes.imshow(np.concatenate([before, gap, after], axis=1), interpolation="nearest")
            wrong = example.answer != example.label
            caption = f"{_short(example.label)} → {_short(example.answer)}"
            axes.set_title(caption, fontsize=9, color=LOST if wrong else INK, pad=2)
    save(drawn, path)


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= 14 else name[:13] + "…"
