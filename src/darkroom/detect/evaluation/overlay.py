"""Anomaly maps laid over their images, and the outlines of masks: arrays of pixels, drawn without a figure."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib
import numpy as np
from numpy.typing import NDArray

OPAQUE = 0.8
"""How much of the image the hottest color hides."""
OUTLINE = (0, 229, 255)
"""RGB of a mask's outline: a cyan that the colors of maps do not have."""
_COLORS = (matplotlib.colormaps["plasma"](np.linspace(0.3, 1, 256))[:, :3] * 255).astype(np.float32)


class Scale(NamedTuple):
    """Map values drawn from no color, at `low` and below, to the hottest, at `high` and above."""

    low: float
    high: float


def peak(values: NDArray[np.floating]) -> float:
    """The hottest spot of a map (H, W): its 99.5 % quantile, so that a single pixel is none."""
    return float(np.quantile(values, 0.995))


def scale(normal: NDArray[np.float64], shown: NDArray[np.float64]) -> Scale:
    """One scale for many maps, from their peaks: (N,) those of normal images, (M,) those of the images to be drawn.

    Color begins above the peak of the median normal image, and is hottest where one in ten of the drawn images gets to.
    """
    low = float(np.median(normal))
    high = float(np.quantile(shown, 0.9))
    return Scale(low, high if high > low else low + max(abs(low), 1e-12))


def overlay(image: NDArray[np.uint8], values: NDArray[np.floating], colors: Scale) -> NDArray[np.uint8]:
    """The image (H, W, 1 or 3) in gray with its map (H, W) in color over it: (H, W, 3).

    Raises ValueError when their sizes differ.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"expected a map of {image.shape[0]}×{image.shape[1]} pixels as its image, got {values.shape}")
    gray = image.mean(axis=2, dtype=np.float32)[:, :, None]
    heat = np.clip((values.astype(np.float32) - colors.low) / (colors.high - colors.low), 0, 1)
    opacity = OPAQUE * heat[:, :, None] ** 0.5  # weak heat would drown in the image
    mixed = (1 - opacity) * gray + opacity * _COLORS[np.rint(heat * 255).astype(np.int64)]
    drawn: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return drawn


def outline(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with the outline of the mask (H, W): the unmarked pixels beside marked ones, so hiding none."""
    padded = np.pad(mask, 1)
    beside = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    drawn = pixels.copy()
    drawn[beside & ~mask] = OUTLINE
    return drawn
