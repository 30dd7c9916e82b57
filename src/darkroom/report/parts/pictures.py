"""Embed the page's images as data, shrinking them where the page would grow too large to send."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence

BUDGET = 3_300_000
"""Bytes of all images together; 4.4 MB in base64."""
THUMBNAILS = 7_000_000
"""Bytes of all thumbnail sheets; 9.3 MB in base64, which keeps the page with its images below 15 MB."""
LARGEST = 450_000
WIDEST = 1800

_LADDER = ((1800, 0), (1800, 88), (1400, 80), (1100, 75), (800, 65), (560, 50))
"""Widths in pixels and WebP qualities (0 is lossless), tried in turn until an image fits its share of the budget."""


@dataclass(frozen=True)
class Picture:
    """An image ready for an `img` element; sizes in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Sheet:
    """An image that others are cut from; `key` is its id on the page, sizes are in its own pixels."""

    path: Path
    key: str
    width: int
    height: int


class Album:
    """The images of a page, collected first and then embedded within one budget of bytes."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._paths: list[Path] = []
        self._pictures: dict[Path, Picture] = {}

    def add(self, path: Path) -> None:
        """Request an image."""
        self._paths.append(path)

    def embed(self) -> None:
        """Encode what was added, small images first, so that large ones share what those leave."""
        left = self._budget
        queue = sorted(dict.fromkeys(self._paths), key=lambda p: (p.stat().st_size, p.as_posix()))
        for index, path in enumerate(queue):
            data, kind, size = _fitted(path, min(LARGEST, left // (len(queue) - index)))
            left -= len(data)
            uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
            self._pictures[path] = Picture(uri, *size)

    def __getitem__(self, path: Path) -> Picture:
        return self._pictures[path]


def _fitted(path: Path, limit: int) -> tuple[bytes, str, tuple[int, int]]:
    """Return an image's bytes, format and size: unchanged if it fits, else on the first step of the ladder that fits.

    An animation stays one: all its frames go down the ladder together.
    """
    with Image.open(path) as opened:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(opened)]
        spans = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(opened)]
        loops = int(opened.info.get("loop", 0))
    size = frames[0].size
    data = path.read_bytes()
    if len(data) <= limit and size[0] <= WIDEST:
        return data, path.suffix[1:], size
    ladder = [step for step in _LADDER if step[1] or path.suffix == ".png"]  # a lossless copy of a WebP only grows
    for width, quality in ladder:
        if size[0] > width:
            size = (width, max(1, round(size[1] * width / size[0])))
        first, *others = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
        more = {"save_all": True, "append_images": others, "duration": spans, "loop": loops} if others else {}
        stream = io.BytesIO()
        first.save(stream, "WEBP", lossless=quality == 0, quality=quality or 80, method=4, **more)
        data = stream.getvalue()
        if len(data) <= limit:
            break
    return data, "webp", size
