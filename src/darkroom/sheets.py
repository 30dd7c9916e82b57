"""Sheets of images: pixels on a grid, apart from the style of plots, so that a change of that makes no images stale."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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
