"""The page's pictures: embedded as data, made smaller where the page would otherwise grow too large to send."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence

BUDGET = 3_300_000
"""Bytes of all pictures together; base64 makes 4.4 MB of them."""
THUMBNAILS = 7_000_000
"""Bytes of all sheets of thumbnails; base64 makes 9.3 MB of them, so that page and pictures stay below 15 MB."""
LARGEST = 450_000
WIDEST = 1800

_LADDER = ((1800, 0), (1800, 88), (1400, 80), (1100, 75), (800, 65), (560, 50))
"""Widths in pixels and WebP qualities (0 is lossless) tried in turn until a picture fits its share."""


@dataclass(frozen=True)
class Picture:
    """One picture ready for an `img` element; sizes in pixels."""

    uri: str
    width: int
    height: int


class Album:
    """Collects pictures while the page is planned, then embeds them all within one budget of bytes."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._paths: list[Path] = []
        self._pictures: dict[Path, Picture] = {}

    def add(self, path: Path) -> Path | None:
        """Ask for a picture; None where the file does not exist."""
        if not path.is_file():
            return None
        self._paths.append(path)
        return path

    def embed(self) -> None:
        """Encode what was added: the small ones first, so that the large ones share what these leave."""
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
    """A picture's bytes, format and size: as it is when it fits, else the first step of the ladder that does.

    An animated picture stays one: all its frames go down the ladder together.
    """
    with Image.open(path) as opened:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(opened)]
        spans = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(opened)]
        loops = int(opened.info.get("loop", 0))
    size = frames[0].size
    data = path.read_bytes()
    if len(data) <= limit and size[0] <= WIDEST:
        return data, path.suffix[1:], size
    ladder = [step for step in _LADDER if step[1] or path.suffix == ".png"]  # a WebP would only grow without loss
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
