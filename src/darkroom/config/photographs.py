"""Which images a pretrained network suits, and the defaults of the `detect` section for them: detectors on its features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.nets import pretrained

SMALLEST = 64
"""Longer side in pixels from which images count as photographs."""
SIDE = 224
"""Image size that the packaged network was trained on."""
DETECTORS = ("pca", "padim", "patchcore")
TRIED = 50
"""Maximum number of files to open in search of an image."""


def suit(side: int) -> bool:
    """Return whether detectors on a pretrained network suit images with this longer side, and its weights are installed."""
    return side >= SMALLEST and pretrained.installed() is not None


def fill(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in the detectors of a bare `detect` section, and `data.size` if no other section uses the images.

    Returns other configs unchanged, and any config if the pretrained network is not installed or the images are small.
    """
    detect, data = raw.get("detect"), raw.get("data")
    bare = "detect" in raw and (
        detect is None or (isinstance(detect, Mapping) and detect.get("detectors") in (None, {}))
    )
    if not bare or not isinstance(data, Mapping) or not suit(_side(data)):
        return raw
    filled = {**raw, "detect": {**(detect or {}), "detectors": {name: {} for name in DETECTORS}}}
    alone = "classify" not in raw and "generate" not in raw
    return {**filled, "data": {**data, "size": SIDE}} if alone and data.get("size") is None else filled


def _side(data: Mapping[str, Any]) -> int:
    """Return the longer side of the images: the config's, or that of the first image in a local folder; 0 if unknown."""
    size, source = data.get("size"), data.get("source")
    if isinstance(size, int):
        return size
    if isinstance(size, list | tuple):
        return max((side for side in size if isinstance(side, int)), default=0)
    path = source.get("path") if isinstance(source, Mapping) else None
    folder = files.local(path) if isinstance(path, str) and "://" not in path else None
    return _first_side(folder) if folder is not None and folder.is_dir() else 0


def _first_side(folder: Path) -> int:
    from PIL import Image  # slow to import, and only a bare section needs it

    paths = (Path(here, name) for here, _, names in os.walk(folder) for name in sorted(names) if name[0] != ".")
    for path in islice(paths, TRIED):
        try:
            with Image.open(path) as image:
                return max(image.size)
        except OSError:
            continue  # not an image
    return 0
