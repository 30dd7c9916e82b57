"""Pictures with one look: figures on white, legible small, the same bytes for the same data."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from PIL import Image

INK, FAINT, ACCENT = "#1f2933", "#cbd2d9", "#2563eb"
COLORS = ("#2563eb", "#ea580c", "#059669", "#7c3aed", "#db2777", "#0891b2", "#ca8a04", "#4b5563")
"""Series colors: told apart by people with the common color-vision deficiencies when neighbours in this order."""

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


def log_scale(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers at its ticks."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    low, high = axes.get_ylim()
    few = high / low < 30  # less than 1.5 decades: powers of ten alone would be too few ticks
    axes.yaxis.set_minor_formatter(
        FuncFormatter(lambda value, place: f"{value:g}" if few and f"{value:e}"[0] in "235" else "")
    )


def save(drawn: Figure, path: Path) -> None:
    """Write a figure as PNG, without metadata that differs between runs."""
    drawn.savefig(path, dpi=130, metadata={"Software": None})


def tile(images: NDArray[np.uint8], *, columns: int | None = None, height: int = 64, gap: int = 2) -> NDArray[np.uint8]:
    """Lay images out on a grid, row by row.

    Takes images (N, H, W, C) uint8 with C = 1 or 3; small ones are enlarged by an integer factor to about `height` pixels,
    large ones reduced. Returns pixels (H', W', 3) uint8 on white.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise ValueError(f"expected images of shape (N, H, W, 1 or 3) with N > 0, got {images.shape}")
    columns = columns or max(1, math.ceil(math.sqrt(len(images))))
    scaled = [enlarge(image, height) for image in images]
    h, w, _ = scaled[0].shape
    rows = math.ceil(len(scaled) / columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for index, image in enumerate(scaled):
        top, left = index // columns * (h + gap), index % columns * (w + gap)
        sheet[top : top + h, left : left + w] = image
    return sheet


def enlarge(image: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Resize an image (H, W, 1 or 3) to RGB of about this height, by an integer factor or by averaging areas."""
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    if rgb.shape[0] < height:
        factor = max(1, round(height / rgb.shape[0]))
        return rgb.repeat(factor, axis=0).repeat(factor, axis=1)
    width = max(1, round(rgb.shape[1] * height / rgb.shape[0]))
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX))


def save_image(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (H, W, 3) uint8 as PNG."""
    Image.fromarray(pixels).save(path, optimize=True)
