"""Sheets of images: pixels on a grid, apart from the style of plots, so that a change of that makes no images stale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS, ROWS = 5, 10
"""Images per sheet of a strip."""
SHARP = 48
"""Panels lower than this are saved losslessly, since they are shown enlarged."""
QUALITY = 90
"""WebP quality of the others; the report lowers it if there are too many to embed."""

Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])


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
    colored = rgb(image)
    if colored.shape[0] < height:
        factor = max(1, round(height / colored.shape[0]))
        return colored.repeat(factor, axis=0).repeat(factor, axis=1)
    width = max(1, round(colored.shape[1] * height / colored.shape[0]))
    return np.asarray(Image.fromarray(colored).resize((width, height), Image.Resampling.BOX))


def save_image(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (H, W, 3) uint8 as PNG."""
    Image.fromarray(pixels).save(path, optimize=True)


def save_strip(
    folder: Path,
    name: str,
    images: Iterable[Mapping[str, NDArray[np.uint8]]],
    *,
    columns: int = COLUMNS,
    rows: int = ROWS,
) -> dict[str, Any]:
    """Write images as sheets `name-00.webp` and on, each image a row of named panels (h, w, 3), all of one size.

    Return the names of the `sheets` and of the `panels`, the `height` and `width` of a panel, and how many `columns` and
    `rows` of images a full sheet has.
    """
    about: dict[str, Any] = {"columns": columns, "rows": rows, "sheets": []}
    tiles: list[NDArray[np.uint8]] = []

    def flush() -> None:
        height, width, _ = tiles[0].shape
        sheet = np.full((-(-len(tiles) // columns) * height, columns * width, 3), 255, np.uint8)
        for index, tile in enumerate(tiles):
            top, left = index // columns * height, index % columns * width
            sheet[top : top + height, left : left + width] = tile
        file = f"{name}-{len(about['sheets']):02d}.webp"
        Image.fromarray(sheet).save(folder / file, lossless=height < SHARP, quality=QUALITY, method=4)
        about["sheets"].append(file)
        tiles.clear()

    for panels in images:
        about["panels"] = list(panels)
        about["height"], about["width"] = next(iter(panels.values())).shape[:2]
        tiles.append(np.concatenate(list(panels.values()), axis=1))
        if len(tiles) == columns * rows:
            flush()
    if tiles:
        flush()
    return about


def reduced(pixels: Pixels, side: int) -> Pixels:
    """Downscale pixels (H, W) or (H, W, C) to a longer side of at most `side` by area averaging; never upscale."""
    import cv2  # most stages that lay out sheets never resize

    height, width = pixels.shape[:2]
    most = max(height, width)
    if most <= side:
        return pixels
    size = max(1, round(width * side / most)), max(1, round(height * side / most))
    small: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(pixels.dtype)
    return small.reshape(*small.shape[:2], *pixels.shape[2:])  # OpenCV drops a single channel


def rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat a gray image's channel three times: (H, W, 1 or 3) to (H, W, 3)."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
