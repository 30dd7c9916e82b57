"""Pixels out of whatever an image is kept in: every file type, color mode and bit depth as uint8 gray or RGB.

- EXIF orientation is applied; of several frames the first is taken.
- Transparency lies on white. CMYK and other color spaces become RGB. An image whose channels are equal is gray.
- Deeper than 8 bits: see `value_range`. The range is one for all images of a set, so that they stay comparable.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.data.item import Pixels

FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "ICO")
"""What is read. Formats that start other programs (EPS) or that have no signature (TGA) are not."""
MAX_PIXELS = 89_478_485
"""An image of more pixels is refused as a decompression bomb (Pillow's own limit: a quarter of a gigabyte as RGB)."""
KINDS = {"whole": "whole numbers", "fractions": "fractions"}
"""Kinds of numbers, in words; images deeper than 8 bits have one range for each."""
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")


class UnreadableError(Exception):
    """An image that cannot be used; the text is the reason to list."""


def pixels(image: Pixels, levels: Levels) -> NDArray[np.uint8]:
    """Decode to (H, W, 1) gray or (H, W, 3) RGB. Raises UnreadableError."""
    values = native(image)
    if values.dtype != np.uint8:
        values = levels.to_uint8(values)
    return _color(values)


def mask(image: Pixels) -> NDArray[np.uint8]:
    """Decode a mask to (H, W) of 0 and 255: 255 where any channel is not zero and not transparent. Raises UnreadableError.

    In a lossy file (JPEG) the limit is the middle of the range, as zero comes back as 1 or 2 there.
    """
    lowest = 0.0
    if isinstance(image, Path) and image.suffix.lower() in {".jpg", ".jpeg"}:
        lowest = 127.0
    values = native(image, background=0)
    if values.dtype.kind == "f":
        _refuse_not_finite(values)
    inside = values > lowest if values.ndim == 2 else (values > lowest).any(axis=2)
    return np.where(inside, np.uint8(255), np.uint8(0))


def native(image: Pixels, background: int = 255) -> NDArray[Any]:
    """The values as kept, (H, W) or (H, W, C), upright; transparency lies on a gray of `background`. Raises UnreadableError."""
    if isinstance(image, np.ndarray):
        return _checked(image, background)
    if not isinstance(image, Path):
        return _checked(_values(image(), background), background)
    try:
        with image.open("rb") as stream:
            return _checked(_values(_open(stream), background), background)
    except OSError as error:
        if error.strerror:
            raise UnreadableError(f"cannot be read: {error.strerror}") from None
        raise


def has_frames(image: Pixels) -> bool:
    """Whether a file holds more than the one image that is taken from it."""
    if not isinstance(image, Path) or image.suffix.lower() not in {".gif", ".tif", ".tiff", ".webp", ".png", ".avif"}:
        return False
    with Image.open(image, formats=_formats()) as opened:
        return bool(getattr(opened, "is_animated", False))


def value_range(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """The values that become 0 and 255, for a set of images whose values go from `low` to `high`.

    Whole numbers: from 0 to the top of the smallest of 8, 10, 12, 14, 16, 24 and 32 bits that holds them all, so that
    12-bit images kept in 16 bits are not almost black. Fractions: 0..1, -1..1 or 0..255, the first that holds them
    all. Anything else is stretched from `low` to `high`.
    """
    if whole and low >= 0:
        return 0, next((2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 32) if high < 2**bits), high)
    if not whole:
        for bottom, top in ((0, 1), (-1, 1), (0, 255)):
            if bottom <= low and high <= top:
                return bottom, top
    return low, max(high, low + 1)


class Levels:
    """Which values mean black and white in images deeper than 8 bits; looked up over all images when first needed.

    `known` is the range of all, `used` are ranges found earlier, by kind of number.
    """

    def __init__(
        self,
        images: Sequence[Pixels],
        known: tuple[float, float] | None = None,
        used: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.images, self.known = images, known
        self.used = dict(used or {})
        """The ranges applied, by kind of number."""

    def to_uint8(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Scale values of any other type to 0..255. Raises UnreadableError when some are not finite."""
        if values.dtype == np.bool_:
            return values.astype(np.uint8) * np.uint8(255)
        _refuse_not_finite(values)
        black, white = self._range(_kind(values))
        scaled = (values.astype(np.float64) - black) * (255 / (white - black))
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)

    def _range(self, kind: str) -> tuple[float, float]:
        if kind not in self.used:
            self.used[kind] = self.known or self._look(kind)
        return self.used[kind]

    def _look(self, kind: str) -> tuple[float, float]:
        low, high = np.inf, -np.inf
        for image in self.images:
            try:
                values = native(image) if _is_deep(image) else None
                if values is None or values.dtype == np.uint8 or _kind(values) != kind:
                    continue
                _refuse_not_finite(values)
            except UnreadableError:
                continue  # listed when its turn comes
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if low > high:
            raise UnreadableError(
                f"deeper than 8 bits ({KINDS[kind]}), which no image of the data set was: what is black and white in it is not "
                "known"
            )
        return value_range(low, high, whole=kind == "whole")


def _open(stream: BinaryIO) -> Image.Image:
    """Open and load an image file, turning whatever a decoder raises on broken data into UnreadableError."""
    try:
        image = Image.open(stream, formats=_formats())
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.load()
    except Image.DecompressionBombError:
        raise UnreadableError(f"more than {MAX_PIXELS:,} pixels: refused as a decompression bomb") from None
    except UnidentifiedImageError:
        stream.seek(0, 2)
        raise UnreadableError("not an image in a format that is read" if stream.tell() else "an empty file") from None
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        raise UnreadableError(f"broken image: {error or type(error).__name__}") from None
    return image


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _values(image: Image.Image, background: int) -> NDArray[Any]:
    """A loaded image as an array: (H, W) gray of any depth or (H, W, 3) uint8, upright, without transparency."""
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF data; the picture itself is whole
        upright = image
    if upright.mode in DEEP_MODES:
        return np.asarray(upright)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        below = Image.new("RGBA", layer.size, (background, background, background, 255))
        return np.asarray(Image.alpha_composite(below, layer).convert("RGB"))
    if upright.mode in ("1", "L"):
        return np.asarray(upright.convert("L"))
    try:
        return np.asarray(upright.convert("RGB"))
    except ValueError:
        raise UnreadableError(f"color mode {upright.mode} is not read") from None


def _checked(values: NDArray[Any], background: int) -> NDArray[Any]:
    """Refuse what is no image; lay arrays with an alpha channel on the background."""
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 2, 3, 4))
    if not shaped or 0 in values.shape:
        raise UnreadableError(f"shape {values.shape}: expected (H, W) or (H, W, 1 to 4)")
    if values.shape[0] * values.shape[1] > MAX_PIXELS:
        raise UnreadableError(f"more than {MAX_PIXELS:,} pixels")
    if values.dtype.kind not in "buif":
        raise UnreadableError(f"values of type {values.dtype}: expected numbers")
    if values.ndim == 3 and values.shape[2] in (2, 4):
        if values.dtype != np.uint8:
            raise UnreadableError(f"{values.shape[2]} channels of type {values.dtype}: an alpha channel needs uint8")
        return _values(Image.fromarray(values, "LA" if values.shape[2] == 2 else "RGBA"), background)
    return values


def _color(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1) where there is no color, else (H, W, 3)."""
    if values.ndim == 2:
        return values[:, :, None]
    if values.shape[2] == 3 and not np.array_equal(values[..., 0], values[..., 1]):
        return values
    gray = values.shape[2] == 1 or np.array_equal(values[..., 0], values[..., 2])
    return values[:, :, :1] if gray else values


def _is_deep(image: Pixels) -> bool:
    """Whether an image may be deeper than 8 bits; for a file only its head is read."""
    if isinstance(image, np.ndarray):
        return image.dtype != np.uint8
    if not isinstance(image, Path):
        return True
    try:
        with Image.open(image, formats=_formats()) as opened:
            return opened.mode in DEEP_MODES
    except Exception:  # listed when its turn comes
        return False


def _kind(values: NDArray[Any]) -> str:
    return "fractions" if values.dtype.kind == "f" else "whole"


def _refuse_not_finite(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UnreadableError("holds values that are not finite numbers")
