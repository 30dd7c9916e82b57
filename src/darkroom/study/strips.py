"""Rows of small images, one row per source."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from darkroom import figures
from darkroom.sheets import tile
from darkroom.study.findings import Figure


def strips(rows: Mapping[str, NDArray[np.uint8]], alt: str, *, count: int = 12) -> Figure:
    """Draw the first images (N, H, W, C) of each row side by side, with its title on the left."""
    drawn, lines = figures.grid(len(rows), 1, 7, 0.65 * len(rows))
    for (axes,), (title, images) in zip(lines, rows.items(), strict=True):
        axes.imshow(tile(images[:count], columns=count), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
    return Figure(drawn, alt)
