"""Read images: decode, fit to one size, and find what is odd about them and their masks."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data import decode, inspect, masks, twins
from darkroom.data.canvas import Canvas, fit
from darkroom.data.config import PrepareSpec
from darkroom.data.item import Contents, Item, UnreadableError, Unused
from darkroom.data.kind import SampleKind
from darkroom.data.levels import KINDS, Levels
from darkroom.data.preparation import Preparation
from darkroom.data.reader import Read, nothing
from darkroom.data.words import listed


class ImageReader:
    """Reads images; `samples.npy` and `masks.npy` are written while they are decoded."""

    kind: SampleKind = "image"

    def __init__(self, spec: PrepareSpec) -> None:
        self.spec = spec

    def read(self, contents: Contents, root: Path) -> Read:
        """Decode every item and write it to `samples.npy`, its mask to `masks.npy`. Raises ValueError if none is readable."""
        self._found = _read(contents, self.spec, root)
        return self._found

    def twins(self, root: Path, rows: NDArray[np.int64]) -> twins.Twins:
        """Find the near-duplicates among these rows of the images just written."""
        return twins.find(np.load(root / "samples.npy", mmap_mode="r", allow_pickle=False), rows)

    def finish(self, root: Path, table: pd.DataFrame) -> None:
        """Save how new images are prepared in the same way; the shape follows from the images."""
        found, spec = self._found, self.spec
        height, width, channels = found.shape
        Preparation(height, width, channels, spec.resize, spec.color, found.shapes, found.levels).save(root)

    def describe(self) -> str:
        """Return the size in pixels, and whether the images have colors."""
        height, width, channels = self._found.shape
        return f"{width} \N{MULTIPLICATION SIGN} {height} pixels, {'grayscale' if channels == 1 else 'RGB'}"


@dataclass
class _Images(Read):
    """What was found while reading images."""

    shape: tuple[int, int, int] = (0, 0, 0)
    shapes: tuple[float, float] = (math.inf, 0.0)
    """The smallest and largest height over width of an image."""
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    lossy: list[str] = field(default_factory=list)
    """Masks thresholded because of traces of lossy compression."""
    turned: list[str] = field(default_factory=list)
    """Masks turned upright with their image though their shape fits both ways."""
    empty: list[tuple[str, str | None]] = field(default_factory=list)
    """Masks that mark nothing, with their image's label."""
    marked: set[str | None] = field(default_factory=set)
    """Labels of images whose mask marks something."""


def _read(contents: Contents, spec: PrepareSpec, root: Path) -> _Images:
    """Decode every item and write it to `samples.npy`, its mask to `masks.npy`."""
    read = _Images(excluded=list(contents.unused), warnings=list(contents.warnings))
    levels = Levels([item.image for item in contents.items], contents.levels)
    size = (spec.size, spec.size) if isinstance(spec.size, int) else spec.size
    canvas = Canvas(root, size=size, how=spec.resize, color=spec.color)
    with canvas, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large images and odd metadata, which are handled here
        frames = 0
        for item in contents.items:
            try:
                image = levels.pixels(item.image)
                frames += decode.head(item.image).frames
            except UnreadableError as problem:
                read.excluded.append(Unused(item.origin or item.id, str(problem)))
                continue
            aspect = image.shape[0] / image.shape[1]
            read.shapes = min(read.shapes[0], aspect), max(read.shapes[1], aspect)
            read.items.append(item)
            read.fingerprints.append(inspect.fingerprint(image))
            read.masks.append(canvas.add(image, _mask(item, image, read)))
    if not read.items:
        raise ValueError(nothing(contents, read.excluded, "image"))
    assert canvas.size is not None
    read.shape = (*canvas.size, canvas.channels)
    read.levels = levels.used if levels.known is None else dict.fromkeys(KINDS, levels.known)
    if canvas.vanished:
        size_now = "×".join(map(str, canvas.size))
        read.warnings.append(
            f"masks that mark nothing after resizing to {size_now} pixels: {canvas.vanished}; try a larger data.size"
        )
    read.warnings += _about_masks(read, contents)
    read.warnings += _about_images(read, contents)
    if frames:
        read.warnings.append(f"files with several images (frames, pages), of which the first is used: {frames}")
    for black, white in levels.used.values():
        if (black, white) not in ((0, 255), (0, 1)):
            read.warnings.append(f"images deeper than 8 bits: {black:g} is black and {white:g} is white in all of them")
    return read


def _mask(item: Item, image: NDArray[np.uint8], read: _Images) -> NDArray[np.uint8] | None:
    """Return the item's mask in its image's size; a mask that cannot be used is listed."""
    if item.mask is None:
        return None
    try:
        mask = masks.read(item.mask)
    except UnreadableError as problem:
        read.excluded.append(Unused(item.mask_origin, f"mask: {problem}"))
        return None
    height, width = image.shape[:2]
    orientation = decode.head(item.image).orientation if decode.head(item.mask).orientation == 1 else 1
    stored = (width, height) if orientation >= 5 else (height, width)
    marked, unsure = masks.turn(mask.marked, orientation, stored)
    if marked is None:
        size = "×".join(map(str, mask.marked.shape))
        read.excluded.append(
            Unused(item.mask_origin, f"mask of {size} pixels for an image of {height}×{width}: the shapes differ")
        )
        return None
    read.lossy += [item.mask_origin] if mask.lossy else []
    read.turned += [item.mask_origin] if unsure and marked.any() else []
    if marked.any():
        read.marked.add(item.label)
    else:
        read.empty.append((item.mask_origin, item.label))
    return fit(marked, (height, width), how="stretch", mask=True)


def _about_masks(read: _Images, contents: Contents) -> list[str]:
    """Return the warnings about masks: those of defects that mark nothing, those thresholded, those turned."""
    defects = {label for label in read.marked if label is not None} | contents.only_test
    empty = [origin for origin, label in read.empty if label in defects or not read.marked]
    known = (
        (empty, "masks of defects that mark nothing"),
        (read.lossy, "masks with traces of lossy compression, thresholded at half their maximum"),
        (
            read.turned,
            "masks turned upright with their image by its EXIF orientation, though their shape fits both ways",
        ),
    )
    return [f"{words}: {len(origins)}: {listed(origins)}" for origins, words in known if origins]


def _about_images(read: _Images, contents: Contents) -> list[str]:
    """Return the warning about images that the source names but that cannot be used."""
    named = {item.origin or item.id for item in contents.items}
    broken = [unused.origin for unused in read.excluded if unused.origin in named and unused.reason != decode.NO_IMAGE]
    return [f"images that cannot be used, listed in excluded.csv: {len(broken)}: {listed(broken)}"] if broken else []
