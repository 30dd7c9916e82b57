"""The pictures of a detector: what it finds most anomalous, how the scores lie, the trade-off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from darkroom.figures import ACCENT, COLORS, FAINT, INK, enlarge, figure, save
from darkroom.measure.ranking import auroc, roc_points

COLUMNS = 3
VERDICTS = {
    (True, True): ("found", COLORS[2]),
    (True, False): ("missed", COLORS[1]),
    (False, True): ("false alarm", COLORS[1]),
    (False, False): ("passed", COLORS[2]),
}
"""By anomalous and flagged: the word and its color."""


@dataclass(frozen=True)
class Shown:
    """One image of the gallery: (H, W, C) uint8 pixels, its map (H, W) where there is one."""

    image: NDArray[np.uint8]
    reconstruction: NDArray[np.uint8] | None
    error: NDArray[np.float32] | None
    name: str
    score: float
    anomalous: bool
    flagged: bool


def draw_gallery(examples: list[Shown], path: Path, *, height: int = 112) -> None:
    """Input, reconstruction and error map of each image side by side, all maps on one color scale."""
    errors = [e.error for e in examples if e.error is not None]
    # one bright pixel should not make all others dark
    most = max((float(np.quantile(error, 0.995)) for error in errors), default=0.0) or 1.0
    strips = [_strip(example, most, height) for example in examples]
    columns = min(COLUMNS, len(examples))
    rows = math.ceil(len(examples) / columns)
    aspect = strips[0].shape[0] / strips[0].shape[1]
    width = 3.1
    drawn = Figure(figsize=(width * columns, rows * (width * aspect + 0.34) + 0.75), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, example, strip in zip(panels.flat, examples, strips, strict=False):
        axes.imshow(strip, interpolation="nearest")
        word, color = VERDICTS[example.anomalous, example.flagged]
        name = example.name if len(example.name) <= 18 else example.name[:17] + "…"
        axes.set_title(f"{name} · {example.score:.3g} · {word}", fontsize=10, color=color, loc="left", pad=3)
    if errors:
        scale = ScalarMappable(Normalize(0, most), "magma")
        bar = drawn.colorbar(scale, ax=panels, orientation="horizontal", shrink=0.5, aspect=40, pad=0.01)
        bar.set_label("error of a pixel")
        bar.outline.set_visible(False)
    save(drawn, path)


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
    drawn.legend(frameon=False, loc="outside upper center", ncols=2)
    save(drawn, path)


def draw_roc(unusual: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float, path: Path) -> None:
    """Detection rate against false-alarm rate over all thresholds, with the chosen one marked."""
    drawn, axes = figure(4.6, 4.6)
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


def _strip(example: Shown, most: float, height: int) -> NDArray[np.uint8]:
    """Input, reconstruction and map beside each other, as far as there are: (h, w, 3)."""
    parts = [example.image]
    if example.reconstruction is not None:
        parts.append(example.reconstruction)
    if example.error is not None:
        colored = matplotlib.colormaps["magma"](np.clip(example.error / most, 0, 1))[..., :3]
        parts.append((colored * 255).round().astype(np.uint8))
    enlarged = [enlarge(part, height) for part in parts]
    gap = np.full((enlarged[0].shape[0], 3, 3), 255, np.uint8)
    return np.concatenate([piece for part in enlarged for piece in (part, gap)][:-1], axis=1)
