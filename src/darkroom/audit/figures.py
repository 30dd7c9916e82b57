"""The pictures of an audit: where labels are kept, and what the worst transforms make of images."""

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
"""Examples of one transform and class."""
LOST = "#b3261e"


@dataclass(frozen=True)
class BeforeAfter:
    """An image before and after, (H, W, C) uint8, and what the classifier calls the changed one."""

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    label: str
    answer: str


def draw_heatmap(result: dict[str, Any], path: Path) -> None:
    """Share of images given their label, transforms × classes; W is weaken, D drop, ? unknown, – switched off."""
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
    axes.set_title("share of images given their label: the darker, the more", fontsize=10)
    save(drawn, path)


def draw_examples(lines: Sequence[tuple[str, Sequence[BeforeAfter]]], path: Path) -> None:
    """Each line shows one transform on images of one class: before and after, the label and the classifier's answer."""
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
            told = f"{_short(example.label)} → {_short(example.answer)}"
            axes.set_title(told, fontsize=9, color=LOST if wrong else INK, pad=2)
    save(drawn, path)


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= 14 else name[:13] + "…"
