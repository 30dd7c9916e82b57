"""The style of plots: white background, small legible text, and the same bytes for the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, FAINT, ACCENT = "#1f2933", "#cbd2d9", "#2563eb"
COLORS = ("#2563eb", "#ea580c", "#059669", "#7c3aed", "#db2777", "#0891b2", "#ca8a04", "#4b5563")
"""Series colors; neighbors in this order can be told apart with the common color-vision deficiencies."""

matplotlib.use("agg")
matplotlib.rcParams.update(
    {
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=COLORS),
        "axes.grid": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "text.parse_math": False,  # class names may contain a $
    }
)


def figure(width: float = 6, height: float = 4) -> tuple[Figure, Axes]:
    """Create a figure with one pair of axes in the house style; width and height in inches at 130 dpi."""
    drawn = Figure(figsize=(width, height), layout="constrained")
    return drawn, drawn.subplots()


def panels(count: int, width: float, height: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Create a figure with `count` pairs of axes side by side; width and height in inches."""
    drawn, (line,) = grid(1, count, width, height, **shared)
    return drawn, line


def grid(rows: int, columns: int, width: float, height: float, **shared: Any) -> tuple[Figure, list[list[Axes]]]:
    """Create a figure with rows of pairs of axes, which `shared` couples by Matplotlib's `sharex` and `sharey`."""
    drawn = Figure(figsize=(width, height), layout="constrained")
    return drawn, [list(line) for line in drawn.subplots(rows, columns, squeeze=False, **shared)]


def log_scale(axes: Axes, *, across: bool = False) -> None:
    """Make the y axis logarithmic, or the x axis if `across`, with plain numbers at its ticks."""
    axis = axes.xaxis if across else axes.yaxis
    (axes.set_xscale if across else axes.set_yscale)("log")
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    low, high = axes.get_xlim() if across else axes.get_ylim()
    # below 1.5 decades, powers of ten alone would be too few ticks
    labeled = "" if high / low >= 30 else "235" if high / low >= 5 else "2345678"
    axis.set_minor_formatter(FuncFormatter(lambda value, place: f"{value:g}" if f"{value:e}"[0] in labeled else ""))


def save(drawn: Figure, path: Path) -> None:
    """Write a figure as PNG, without metadata that differs between runs."""
    drawn.savefig(path, dpi=130, metadata={"Software": None})
