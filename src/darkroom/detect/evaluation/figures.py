"""The pictures of a detector: what it finds most anomalous and where it errs, how the scores lie, the trade-off."""

from __future__ import annotations

import math
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from darkroom.detect.evaluation.examples import Example, Kind, panels
from darkroom.detect.evaluation.overlay import Scale
from darkroom.figures import ACCENT, COLORS, FAINT, INK, figure, save
from darkroom.measure.ranking import auroc, roc_points
from darkroom.sheets import enlarge

COLUMNS = 3
VERDICTS = {
    (True, True): ("found", COLORS[2]),
    (True, False): ("missed", COLORS[1]),
    (False, True): ("false alarm", COLORS[1]),
    (False, False): ("passed", COLORS[2]),
}
"""By anomalous and flagged: the word and its color."""
TITLES: dict[Kind, str] = {
    "highest": "The highest scores",
    "misses": "Anomalous images with the lowest scores",
    "false_alarms": "Normal images with the highest scores",
}


def draw_gallery(strips: dict[Kind, list[Example]], span: Scale | None, path: Path, *, height: int = 112) -> None:
    """The strips below each other: of each image the input, the reconstruction, and its map with the mask's outline."""
    strips = {kind: examples for kind, examples in strips.items() if examples}
    pictures = {kind: [_row(example, span, height) for example in examples] for kind, examples in strips.items()}
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


def _row(example: Example, span: Scale | None, height: int) -> NDArray[np.uint8]:
    """The panels of an image beside each other: (h, w, 3)."""
    enlarged = [enlarge(panel, height) for panel in panels(example, span, height).values()]
    gap = np.full((enlarged[0].shape[0], 3, 3), 255, np.uint8)
    return np.concatenate([piece for part in enlarged for piece in (part, gap)][:-1], axis=1)


def _short(name: str, most: int = 40) -> str:
    """A long name by its end, which tells files of one folder apart."""
    return name if len(name) <= most else "…" + name[1 - most :]


def draw_histogram(
    val: NDArray[np.float64],
    normal: NDArray[np.float64],
    unusual: NDArray[np.float64],
    threshold: float,
    path: Path,
) -> None:
    """The scores of validation normals, test normals and test anomalies, each as shares of its kind, and the threshold."""
    drawn, axes = figure(6, 3.6)
    together = np.concatenate([val, normal, unusual])
    low, high = float(together.min()), float(together.max())
    logarithmic = low > 0 and high / low > 50
    edges = (np.geomspace if logarithmic else np.linspace)(low, high if high > low else low + 1, 41)
    kinds = {
        "validation normals": (val, FAINT),
        "test normals": (normal, ACCENT),
        "test anomalies": (unusual, COLORS[1]),
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
    axes.set_ylabel("share of its kind")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    drawn.legend(frameon=False, loc="outside upper center", ncols=2)
    save(drawn, path)


def draw_roc(unusual: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float, path: Path) -> None:
    """Detection rate against false-alarm rate over all thresholds, with the chosen one marked."""
    drawn, axes = figure(6, 3.6)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="chance")
    if 0 < unusual.sum() < len(unusual):
        false, true = roc_points(unusual, scores)
        axes.plot(false, true, drawstyle="default", color=ACCENT, label=f"AUROC {auroc(unusual, scores)[0]:.3f}")
        flagged = scores > threshold
        axes.plot(flagged[~unusual].mean(), flagged[unusual].mean(), "o", color=INK, label="at the threshold")
        axes.legend(frameon=False, loc="lower right")
    else:
        axes.text(0.5, 0.5, "the test split holds one kind of image", ha="center")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("false-alarm rate")
    axes.set_ylabel("detection rate")
    save(drawn, path)
