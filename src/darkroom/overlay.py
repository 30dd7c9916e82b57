"""Overlay anomaly maps and mask outlines on images, as pixel arrays without a figure."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib
import numpy as np
from numpy.typing import NDArray

OPAQUE = 0.8
"""Opacity of the hottest color."""
OUTLINE = (0, 229, 255)
"""RGB of a mask's outline: a cyan that the colormap does not contain."""
_COLORS = (matplotlib.colormaps["plasma"](np.linspace(0.3, 1, 256))[:, :3] * 255).astype(np.float32)


class Scale(NamedTuple):
    """Range of map values: transparent at `low` and below, the hottest color at `high` and above."""

    low: float
    high: float


def peak(values: NDArray[np.floating]) -> float:
    """Return the peak of a map (H, W): its 99.5 % quantile, so that a single pixel does not count."""
    return float(np.quantile(values, 0.995))


def scale(normal: NDArray[np.float64], shown: NDArray[np.float64]) -> Scale:
    """Return one scale for many maps, from the peaks (N,) of normal images and (M,) of the images to draw.

    Color starts at the median peak of normal images and is hottest from the 90 % quantile of the drawn images' peaks on.
    """
    low = float(np.median(normal))
    high = float(np.quantile(shown, 0.9))
    return Scale(low, high if high > low else low + max(abs(low), 1e-12))


def overlay(image: NDArray[np.uint8], values: NDArray[np.floating], colors: Scale) -> NDArray[np.uint8]:
    """Overlay the map (H, W) in color on the image (H, W, 1 or 3) in gray: (H, W, 3).

    Raises ValueError if their sizes differ.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"expected a map of {image.shape[0]}×{image.shape[1]} pixels as its image, got {values.shape}")
    gray = image.mean(axis=2, dtype=np.float32)[:, :, None]
    heat = np.clip((values.astype(np.float32) - colors.low) / (colors.high - colors.low), 0, 1)
    opacity = OPAQUE * heat[:, :, None] ** 0.5  # makes weak heat visible
    mixed = (1 - opacity) * gray + opacity * _COLORS[np.rint(heat * 255).astype(np.int64)]
    drawn: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return drawn


def outline(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draw the outline of a mask (H, W) on pixels (H, W, 3): on the unmarked neighbors of marked pixels, which stay visible."""
    padded = np.pad(mask, 1)
    beside = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    drawn = pixels.copy()
    drawn[beside & ~mask] = OUTLINE
    return drawn
