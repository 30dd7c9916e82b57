"""Decode images of every file type, color mode and bit depth to uint8 gray or RGB.

- EXIF orientation is applied; of several frames the first is used.
- Transparency is composited on white. CMYK and other color spaces become RGB.
- An image whose channels agree to within `GRAY_TOLERANCE` is gray.
- Images deeper than 8 bits share one value range per data set: see `levels`.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from darkroom.data.canvas import to_gray
from darkroom.data.item import Pixels, UnreadableError

FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "ICO")
"""The formats that are read. Left out: formats that start other programs (EPS) or have no signature (TGA)."""
FRAMED = ("GIF", "TIFF", "WEBP", "PNG", "AVIF")
MAX_PIXELS = 89_478_485
"""Larger images are refused as decompression bombs (Pillow's own limit: a quarter of a gigabyte as RGB)."""
GRAY_TOLERANCE = 2
"""Channels of a gray image may differ by this many levels: lossy formats round them separately."""
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
NO_IMAGE = "not an image in a supported format"
ORIENTATION, MAKE, MODEL = 0x0112, 0x010F, 0x0110
"""EXIF tags."""
LONGEST_CAMERA = 60
"""Characters of a camera's name that are kept."""
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


@dataclass(frozen=True)
class Head:
    """What an image says of itself before its pixels are decoded."""

    format: str | None = None
    """Pillow's name of the file format; None for arrays."""
    deep: bool = False
    """Whether its values may exceed 8 bits."""
    frames: bool = False
    """Whether the file holds more than the one image that is used."""
    orientation: int = 1
    """The EXIF orientation, 1 to 8."""
    width: int | None = None
    height: int | None = None
    """The size in pixels, upright; None if the image has to be decoded for it."""
    camera: str | None = None
    """The maker and model in the EXIF data, if there are any."""


def native(image: Pixels, background: int = 255) -> NDArray[Any]:
    """Return the stored values upright, (H, W) or (H, W, C), transparency composited on gray `background`.

    Raises UnreadableError.
    """
    if isinstance(image, np.ndarray):
        return _checked(image, background)
    if not isinstance(image, Path):
        return _checked(_values(image(), background), background)
    try:
        with image.open("rb") as stream:
            return _checked(_read(stream, background), background)
    except OSError as error:
        if error.strerror:
            raise UnreadableError(f"cannot be read: {error.strerror}") from None
        raise


def head(image: Pixels) -> Head:
    """Read an image's head; of a broken file, an empty one."""
    if isinstance(image, np.ndarray):
        height, width = image.shape[:2] if image.ndim >= 2 else (None, None)
        return Head(deep=image.dtype != np.uint8, width=width, height=height)
    if not isinstance(image, Path):
        return Head(deep=True)
    try:
        with image.open("rb") as stream, _identified(stream) as opened:
            deep = opened.mode in DEEP_MODES or _is_deep_color(opened)  # before EXIF data is read, which may decode it
            orientation = _orientation(opened)
            width, height = opened.size[::-1] if orientation >= 5 else opened.size
            return Head(
                format=opened.format,
                deep=deep,
                frames=opened.format in FRAMED and bool(getattr(opened, "is_animated", False)),
                orientation=orientation,
                width=width,
                height=height,
                camera=_camera(opened),
            )
    except Exception:  # listed when it is decoded
        return Head()


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn values (H, W, ...) stored with an EXIF orientation, 1 to 8, upright."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if orientation in (2, 3, 6, 7) else values


def refuse_not_finite(values: NDArray[Any]) -> None:
    """Raise UnreadableError if any value is NaN or infinite."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UnreadableError("holds values that are not finite")


def _read(stream: BinaryIO, background: int) -> NDArray[Any]:
    """Decode an image file; whatever a decoder raises on broken data becomes UnreadableError."""
    try:
        image = _identified(stream)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        deep = _is_deep_color(image)
        image = _loaded(image, stream)
    except Image.DecompressionBombError:
        raise UnreadableError(f"more than {MAX_PIXELS:,} pixels: refused as a decompression bomb") from None
    except UnidentifiedImageError:
        stream.seek(0, 2)
        reason = NO_IMAGE if stream.tell() else "an empty file"
        raise UnreadableError(reason) from None
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        raise UnreadableError(f"broken image: {error or type(error).__name__}") from None
    return _deep_color(image, stream, background) if deep else _values(image, background)


def _identified(stream: BinaryIO) -> Image.Image:
    """Open an image file without decoding it; oversized text in a PNG is ignored."""
    try:
        return Image.open(stream, formats=_formats())
    except ValueError as error:
        return Image.open(_without_text(stream, error), formats=_formats())


def _loaded(image: Image.Image, stream: BinaryIO) -> Image.Image:
    """Decode an open image; oversized text behind a PNG's pixels is ignored."""
    try:
        image.load()
    except ValueError as error:
        image = Image.open(_without_text(stream, error), formats=_formats())
        image.load()
    return image


def _without_text(stream: BinaryIO, error: ValueError) -> BinaryIO:
    """Return a PNG without its text and color profile if these exceed Pillow's memory limits; else raise `error`."""
    if not any(words in str(error) for words in ("Decompressed data too large", "text chunks")):
        raise error
    stream.seek(0)
    kept, head = [stream.read(8)], stream.read(8)
    while len(head) == 8:
        length, kind = struct.unpack(">I4s", head)
        body = stream.read(length + 4)
        if kind not in TEXT_CHUNKS:
            kept += [head, body]
        head = stream.read(8)
    return io.BytesIO(b"".join(kept))


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if the EXIF data is broken."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # the picture itself is intact
        return 1
    return found if found in range(1, 9) else 1


def _camera(image: Image.Image) -> str | None:
    """Return the maker and model of the camera in the EXIF data; None without them or if the data is broken."""
    try:
        found = [str(image.getexif().get(tag, "")) for tag in (MAKE, MODEL)]
    except Exception:  # the picture itself is intact
        return None
    words = " ".join(found).replace("\0", " ").encode("utf-8", "replace").decode("utf-8").split()
    return " ".join(words)[:LONGEST_CAMERA] or None


def _values(image: Image.Image, background: int) -> NDArray[Any]:
    """Return a decoded image as upright gray (H, W) of any depth or RGB (H, W, 3) uint8, without transparency."""
    orientation = _orientation(image)
    if image.mode in DEEP_MODES:
        return upright(np.asarray(image), orientation)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        below = Image.new("RGBA", layer.size, (background, background, background, 255))
        return upright(np.asarray(Image.alpha_composite(below, layer).convert("RGB")), orientation)
    if image.mode in ("1", "L"):
        return upright(np.asarray(image.convert("L")), orientation)
    try:
        return upright(np.asarray(image.convert("RGB")), orientation)
    except ValueError:
        raise UnreadableError(f"color mode {image.mode} is not supported") from None


def _is_deep_color(image: Image.Image) -> bool:
    """Return whether an image that is not decoded yet has 16-bit channels, of which Pillow would keep the upper 8 bits."""
    tiles = getattr(image, "tile", ())
    if image.mode not in ("RGB", "RGBA", "LA") or image.format not in ("PNG", "TIFF", "PPM") or not tiles:
        return False
    arguments = tiles[0].args
    return ";16" in str(arguments) or (
        image.format == "PPM" and isinstance(arguments, tuple) and arguments[-1] == 65535
    )


def _deep_color(image: Image.Image, stream: BinaryIO, background: int) -> NDArray[np.uint16]:
    """Decode 16-bit channels to (H, W, 3), upright; transparency shows black, or white: the brightest value there is."""
    stream.seek(0)
    values = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if (
        values is None
        or values.dtype != np.uint16
        or values.shape[:2] != (image.height, image.width)
        or values.ndim < 3
    ):
        raise UnreadableError("broken image: its 16-bit channels cannot be decoded")
    color = values[:, :, 2::-1]  # from BGR
    if values.shape[2] == 4 and (values[:, :, 3] < 65535).any():
        alpha = values[:, :, 3:] / 65535
        color = np.rint(color * alpha + (1 - alpha) * (color.max() if background else 0)).astype(np.uint16)
    return upright(color, _orientation(image))


def _checked(values: NDArray[Any], background: int) -> NDArray[Any]:
    """Refuse arrays that are not an image, and composite those with an alpha channel on the background."""
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


def color(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, W, 1) if there is no color, else (H, W, 3)."""
    if values.ndim == 2:
        return values[:, :, None]
    if values.shape[2] == 1:
        return values
    first, others = values[:, :, :1].astype(np.int16), values[:, :, 1:].astype(np.int16)
    apart = int(np.abs(others - first).max())
    if apart == 0:
        return values[:, :, :1]
    return to_gray(values) if values.shape[2] == 3 and apart <= GRAY_TOLERANCE else values
