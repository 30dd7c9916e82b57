"""Plots of a detector: clear cases and mistakes, score histograms, the ROC curve."""

from __future__ import annotations

import math
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from darkroom.detect.evaluation.examples import Kind, ScoredImage, panels
from darkroom.figures import ACCENT, COLORS, FAINT, INK, figure, save
from darkroom.measure.ranking import auroc, roc_points
from darkroom.overlay import Scale
from darkroom.sheets import enlarge

COLUMNS = 3
VERDICTS = {
    (True, True): ("found", COLORS[2]),
    (True, False): ("missed", COLORS[1]),
    (False, True): ("false alarm", COLORS[1]),
    (False, False): ("passed", COLORS[2]),
}
"""Word and color by (anomalous, flagged)."""
TITLES: dict[Kind, str] = {
    "highest": "The highest scores",
    "misses": "Anomalous images with the lowest scores",
    "false_alarms": "Normal images with the highest scores",
}


def draw_gallery(strips: dict[Kind, list[ScoredImage]], colors: Scale | None, path: Path, *, height: int = 112) -> None:
    """Draw the strips: input, reconstruction, and map with the mask's outline of each image."""
    strips = {kind: examples for kind, examples in strips.items() if examples}
    pictures = {kind: [_row(example, colors, height) for example in examples] for kind, examples in strips.items()}
    shape = next(iter(pictures.values()))[0].shape
    width, caption, head = 3.1, 0.45, 0.4
    lines = {kind: math.ceil(len(examples) / COLUMNS) for kind, examples in strips.items()}
    heights = [count * (width * shape[0] / shape[1] + caption) + head for count in lines.values()]
    drawn = Figure(figsize=(width * COLUMNS, sum(heights)), layout="constrained")
    parts = drawn.subfigures(len(strips), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, kind in zip(parts, strips, strict=True):
        part.suptitle(TITLES[kind], fontsize=11, fontweight="bold", x=0.01, ha="left")
        cells = part.subplots(lines[kind], COLUMNS, squeeze=False).flat
        for axes, example, picture in zip_longest(cells, strips[kind], pictures[kind]):
            axes.axis("off")
            if example is not None:
                axes.imshow(picture, interpolation="nearest")
                word, color = VERDICTS[example.anomalous, example.flagged]
                words = f"{_short(example.id)}\n{_short(example.name, 18)} · {example.score:.3g} · {word}"
                axes.set_title(words, fontsize=8, color=color, loc="left", pad=3)
    save(drawn, path)


def _row(example: ScoredImage, colors: Scale | None, height: int) -> NDArray[np.uint8]:
    """Return the panels of an image side by side: (h, w, 3)."""
    enlarged = [enlarge(panel, height) for panel in panels(example, colors, height).values()]
    gap = np.full((enlarged[0].shape[0], 3, 3), 255, np.uint8)
    return np.concatenate([piece for part in enlarged for piece in (part, gap)][:-1], axis=1)


def _short(name: str, most: int = 40) -> str:
    """Shorten a name to its end, which differs among the files of a folder."""
    return name if len(name) <= most else "…" + name[1 - most :]


def draw_histogram(
    val: NDArray[np.float64],
    normal: NDArray[np.float64],
    anomalous: NDArray[np.float64],
    threshold: float,
    path: Path,
) -> None:
    """Draw normalized histograms of the scores of validation normals, test normals and test anomalies, and the threshold."""
    drawn, axes = figure(6, 3.6)
    together = np.concatenate([val, normal, anomalous])
    low, high = float(together.min()), float(together.max())
    logarithmic = low > 0 and high / low > 50
    edges = (np.geomspace if logarithmic else np.linspace)(low, high if high > low else low + 1, 41)
    kinds = {
        "validation normals": (val, FAINT),
        "test normals": (normal, ACCENT),
        "test anomalies": (anomalous, COLORS[1]),
    }
    for name, (scores, color) in kinds.items():
        if len(scores):
            shares = np.histogram(scores, edges)[0] / len(scores)
            solid = color == FAINT
            axes.stairs(shares, edges, color=color, fill=solid, linewidth=1.6, label=f"{name} ({len(scores)})")
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1.2, label="threshold")
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("score")
    axes.set_ylabel("share of images")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    drawn.legend(frameon=False, loc="outside upper center", ncols=2)
    save(drawn, path)


def draw_roc(anomalous: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float, path: Path) -> None:
    """Draw the detection rate against the false-alarm rate over all thresholds, with the chosen one marked."""
    drawn, axes = figure(6, 3.6)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="chance")
    if 0 < anomalous.sum() < len(anomalous):
        false, true = roc_points(anomalous, scores)
        axes.plot(false, true, drawstyle="default", color=ACCENT, label=f"AUROC {auroc(anomalous, scores)[0]:.3f}")
        flagged = scores > threshold
        axes.plot(flagged[~anomalous].mean(), flagged[anomalous].mean(), "o", color=INK, label="at the threshold")
        axes.legend(frameon=False, loc="lower right")
    else:
        axes.text(0.5, 0.5, "the test split has only one kind of image", ha="center")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("false-alarm rate")
    axes.set_ylabel("detection rate")
    save(drawn, path)
