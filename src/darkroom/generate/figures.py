"""The picture of a generative model's training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from darkroom.figures import COLORS, save

NAMES = {"elbo": "ELBO", "kl": "KL", "reconstruction": "reconstruction", "loss": "loss"}


def draw_curves(history: pd.DataFrame, path: Path) -> None:
    """Every part of the loss by epoch, one panel each, training and validation; the loss itself when it has no parts."""
    names = [column.removeprefix("train_") for column in map(str, history) if column.startswith("train_")]
    parts = [name for name in names if name != "loss"] or names
    drawn = Figure(figsize=(2.9 * len(parts), 2.9), layout="constrained")
    panels = drawn.subplots(1, len(parts), squeeze=False)[0]
    for axes, part in zip(panels, parts, strict=True):
        curves = {"training": f"train_{part}", "validation": f"val_{part}"}
        for (label, column), color in zip(curves.items(), COLORS, strict=False):
            if column in history:
                axes.plot(history["epoch"] + 1, history[column], label=label, color=color)
        # the first epochs are far off; they would press the rest into a line
        settled = history[[c for c in curves.values() if c in history]].to_numpy()[len(history) // 10 :]
        low, high = np.nanmin(settled), np.nanmax(settled)
        axes.set_ylim(low - 0.08 * (high - low) - 1e-9, high + 0.08 * (high - low) + 1e-9)
        axes.set_title(f"{NAMES.get(part, part)} (nats an image)", fontsize=10)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].legend(frameon=False)
    save(drawn, path)
