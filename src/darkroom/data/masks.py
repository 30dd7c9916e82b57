"""Decode masks: what is marked, in the pixels of its image, whatever file the mask was saved to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.data import decode
from darkroom.data.item import Pixels

LOSSY = ("JPEG", "MPO", "AVIF")
PLATEAU = 4
"""Levels up to which lossy compression fills areas as labels do."""
RINGING = 16
"""Pixels around an edge that lossy compression disturbs: one block of JPEG with subsampled color."""
SHAPE_TOLERANCE = 1.02
"""Heights over widths within this factor are the same shape."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Mask:
    """A decoded mask."""

    marked: NDArray[np.uint8]
    """(H, W): 255 inside, 0 outside."""
    lossy: bool = False
    """Whether it was thresholded at half its maximum."""


def read(image: Pixels) -> Mask:
    """Decode a mask: inside is where any channel is neither zero nor transparent. Raises UnreadableError.

    Lossy compression leaves low values around the edges. A mask in a lossy format, or one that shows such values after it
    was saved again, is thresholded at half its maximum.
    """
    values = decode.native(image, background=0)
    decode.refuse_not_finite(values)
    highest: NDArray[Any] = values if values.ndim == 2 else values.max(axis=2)
    lossy = _is_lossy(image) or _has_ringing(highest)
    inside = highest > highest.max() / 2 if lossy else highest > 0
    return Mask(np.where(inside, np.uint8(255), np.uint8(0)), bool(lossy and (inside != (highest > 0)).any()))


def turn(mask: NDArray[np.uint8], orientation: int, stored: Size) -> tuple[NDArray[np.uint8] | None, bool]:
    """Turn a mask (H, W) upright with its image, which was stored as `stored` (height, width) with an EXIF orientation.

    The mask itself carries no orientation, so it was drawn either on the stored pixels or on the upright image. Its shape
    decides; where both have that shape, it is taken as drawn on the stored pixels. Returns the upright mask, None if its
    shape is neither, and whether the shape left it open.
    """
    upright = stored[::-1] if orientation >= 5 else stored
    on_stored, on_upright = _same_shape(mask.shape, stored), _same_shape(mask.shape, upright)
    if on_stored:
        return decode.upright(mask, orientation), on_upright and orientation != 1
    return (mask if on_upright else None), False


def _same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    ratio = (one[0] * other[1]) / (one[1] * other[0])
    return 1 / SHAPE_TOLERANCE <= ratio <= SHAPE_TOLERANCE


def _is_lossy(image: Pixels) -> bool:
    """Return whether an image's file format is lossy; of WebP, which has both, whether the file holds a lossy frame."""
    format = decode.head(image).format
    if format != "WEBP" or not isinstance(image, Path):
        return format in LOSSY
    with image.open("rb") as stream:
        stream.seek(12)
        while len(chunk := stream.read(8)) == 8 and chunk[:4] != b"VP8 ":
            length = int.from_bytes(chunk[4:], "little")
            stream.seek(length + length % 2, 1)
    return chunk[:4] == b"VP8 "


def _has_ringing(values: NDArray[Any]) -> bool:
    """Return whether a mask's low values are noise around its marked area rather than labels.

    Labels fill areas, where neighboring pixels agree. Ringing and soft edges do not, apart from the lowest levels, and lie
    close to high values.
    """
    if values.dtype != np.uint8 or values.max() < 128:
        return False
    high = values > values.max() / 2
    low = (values > 0) & ~high
    if not low.any():
        return False
    agrees = np.zeros_like(low)
    agrees[:, :-1] |= values[:, :-1] == values[:, 1:]
    agrees[:-1] |= values[:-1] == values[1:]
    above = low & (values > PLATEAU)
    if agrees[low].mean() >= 0.5 and (not above.any() or agrees[above].mean() >= 0.5):
        return False
    near = cv2.dilate(high.astype(np.uint8), np.ones((2 * RINGING + 1, 2 * RINGING + 1), np.uint8))
    return bool(near[low].all())
