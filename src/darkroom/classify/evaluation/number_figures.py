"""Figures of predicted numbers: predicted against true, and residuals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom.classify.figures import short
from darkroom.figures import ACCENT, COLORS, FAINT, save

Floats = NDArray[np.float64]
MOST = 6
"""Numbers in one figure, the first in the config."""
MOST_BINS = 40


def draw_predicted(
    predicted: Floats, truth: Floats, names: Sequence[str], path: Path, *, widths: Sequence[float | None]
) -> None:
    """Draw predictions against the truth (N, M), one panel per number, with the conformal interval around the diagonal."""
    drawn, panels = _panels(names, 3.4)
    for m, axes in enumerate(panels):
        x, y, width = truth[:, m], predicted[:, m], widths[m]
        ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
        if width is not None:
            axes.fill_between(
                ends, ends - width, ends + width, color=ACCENT, alpha=0.1, linewidth=0, label="90% interval"
            )
            axes.legend(frameon=False, loc="upper left", fontsize=8)
        axes.plot(ends, ends, color=FAINT, linestyle="--")
        axes.scatter(x, y, s=_size(len(x)), alpha=0.6, color=ACCENT, linewidth=0)
        axes.set_xlabel(f"true {short(names[m])}")
        axes.set_ylabel(f"predicted {short(names[m])}")
    save(drawn, path)


def draw_residuals(predicted: Floats, truth: Floats, names: Sequence[str], path: Path) -> None:
    """Draw residuals, predicted minus true (N, M), against the prediction, with their distribution at the right."""
    shown = min(len(names), MOST)
    drawn = Figure(figsize=(6, 2.6 * shown), layout="constrained")
    places = drawn.subplots(shown, 2, width_ratios=(4, 1), sharey="row", squeeze=False)
    for m, (axes, side) in enumerate(places):
        residuals = predicted[:, m] - truth[:, m]
        axes.axhline(0, color=FAINT, linestyle="--")
        axes.scatter(predicted[:, m], residuals, s=_size(len(residuals)), alpha=0.6, color=COLORS[1], linewidth=0)
        axes.set_xlabel(f"predicted {short(names[m])}")
        axes.set_ylabel("residual")
        side.hist(
            residuals, bins=min(MOST_BINS, max(8, len(residuals) // 10)), orientation="horizontal", color=COLORS[1]
        )
        side.set_xlabel("images")
    save(drawn, path)


def _panels(names: Sequence[str], size: float) -> tuple[Figure, list[Axes]]:
    """Create a row of up to three panels, and a second one for more."""
    shown = min(len(names), MOST)
    columns = min(3, shown)
    lines = -(-shown // columns)
    drawn = Figure(figsize=(size * columns + 0.6, size * lines), layout="constrained")
    found = list(drawn.subplots(lines, columns, squeeze=False).ravel())
    for unused in found[shown:]:
        unused.set_axis_off()
    return drawn, found[:shown]


def _size(points: int) -> float:
    return 14 if points < 500 else 6
