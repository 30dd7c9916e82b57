"""The figure of a training's diagnostics."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from darkroom.figures import FAINT, log_scale, save

PANELS = {
    "gradient_norm": "gradient norm",
    "update_ratio": "update / weight",
    "activation": "root mean square of activations",
    "dead": "dead ReLU units",
    "saturated": "saturated outputs",
}
SHARES = ("dead", "saturated")
USUAL = 1e-3
"""A usual ratio of update to weight norm."""


def draw_layers(table: pd.DataFrame, path: Path) -> None:
    """Draw the measures of `fit.diagnostics` by step, one line per layer, dark for the first and light for the last."""
    shown = [measure for measure in PANELS if table[measure].notna().any()]
    layers = list(dict.fromkeys(table["layer"]))
    colors, depth = matplotlib.colormaps["viridis"], Normalize(0, max(1, len(layers) - 1))
    drawn = Figure(figsize=(3.4 * len(shown), 3.2), layout="constrained")
    panels: list[Axes] = list(drawn.subplots(1, len(shown), squeeze=False)[0])
    for axes, measure in zip(panels, shown, strict=True):
        for index, layer in enumerate(layers):
            rows = table[(table["layer"] == layer) & table[measure].notna()]
            if len(rows):
                axes.plot(rows["step"], rows[measure], color=colors(depth(index)), linewidth=1)
        axes.set_title(PANELS[measure], fontsize=10)
        axes.set_xlabel("step")
        if measure in SHARES:
            axes.set_ylim(-0.02, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            continue
        if measure == "update_ratio":
            axes.axhline(USUAL, color=FAINT, linestyle="--", zorder=0)
        if (table[measure].dropna() > 0).any():
            log_scale(axes)
    bar = drawn.colorbar(ScalarMappable(Normalize(0, 1), colors), ax=panels, ticks=[0, 1], fraction=0.03)
    bar.ax.set_yticklabels(["first layer", "last layer"])
    save(drawn, path)
