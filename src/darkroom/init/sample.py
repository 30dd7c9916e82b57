"""Decode a bounded sample of images and measure what the choice of a config depends on."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.data import inspect, twins
from darkroom.data.canvas import to_gray, to_shape
from darkroom.data.descriptors import SIDE
from darkroom.data.item import Contents, Item, UnreadableError, Unused
from darkroom.data.levels import Levels
from darkroom.init.symmetry import mirror_accuracy
from darkroom.measure.proportion import Interval

IMAGES = 400
"""Maximum number of images to decode."""
PIXELS = 400_000_000
"""Decoding stops after this many pixels: a few seconds."""
BINS = 8
"""Gray levels per bin where the share of the most frequent one is measured: lossy formats blur a flat background."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What the decoded images look like. Medians are over images."""

    count: int
    """Images that were decoded."""
    unreadable: tuple[Unused, ...]
    sizes: NDArray[np.int64]
    """(N, 2): height and width."""
    color: int
    """Images whose channels differ."""
    levels: float
    """Median number of gray levels."""
    flat: float
    """Median share of the most frequent gray level: the background of drawings and digits."""
    copies: int
    """Images that repeat an earlier one exactly."""
    conflicting: int
    """Pictures whose copies have different labels."""
    twins: int
    """Images that have a near-duplicate, exact copies aside."""
    torn: int
    """Pairs of copies or near-duplicates in two splits of the source."""
    upright: Interval
    """Accuracy of telling the images from their upside-down copies."""
    sided: Interval
    """Accuracy of telling the images from their mirror images."""
    seconds: float
    """Median seconds to decode an image."""


def draw(contents: Contents) -> Sample:
    """Decode a sample of the images: pairs of neighbors spread over all, since near-duplicates are often neighbors.

    Raises ValueError if no sampled image is readable.
    """
    chosen = [contents.items[row] for row in _rows(len(contents.items))]
    levels = Levels([item.image for item in chosen], contents.levels)
    items: list[Item] = []
    unreadable: list[Unused] = []
    sizes: list[tuple[int, int]] = []
    thumbs: list[NDArray[np.uint8]] = []
    prints: list[str] = []
    values: list[tuple[bool, int, float, float]] = []
    pixels = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large images and odd metadata
        for item in chosen:
            if pixels > PIXELS:
                break
            start = time.perf_counter()
            try:
                image = levels.pixels(item.image)
            except UnreadableError as problem:
                unreadable.append(Unused(item.origin or item.id, str(problem)))
                continue
            seconds = time.perf_counter() - start
            pixels += image.shape[0] * image.shape[1]
            gray = image if image.shape[2] == 1 else to_gray(image)
            counts = np.bincount(gray.ravel(), minlength=256)
            items.append(item)
            sizes.append((image.shape[0], image.shape[1]))
            thumbs.append(to_shape(image, (SIDE, SIDE, 3), how="stretch"))
            prints.append(inspect.fingerprint(image))
            share = float(counts.reshape(-1, BINS).sum(axis=1).max() / gray.size)
            values.append((image.shape[2] == 3, int(np.count_nonzero(counts)), share, seconds))
    if not items:
        origin, reason = unreadable[0]
        raise ValueError(f"none of {len(unreadable)} sampled images is readable; {origin}: {reason}")
    stack = np.stack(thumbs)
    copies, found = _repeats(stack, prints, items)
    color, tones, flat, took = (np.array(column) for column in zip(*values, strict=True))
    return Sample(
        count=len(items),
        unreadable=tuple(unreadable),
        sizes=np.array(sizes),
        color=int(color.sum()),
        levels=float(np.median(tones)),
        flat=float(np.median(flat)),
        copies=len(copies.first),
        conflicting=len(copies.conflicting),
        twins=sum(map(len, found.groups)),
        torn=_torn(items, copies.first, found),
        upright=mirror_accuracy(stack, axis=1),
        sided=mirror_accuracy(stack, axis=2),
        seconds=float(np.median(took)),
    )


def _rows(count: int) -> list[int]:
    """Return the rows to decode, in an order that covers all of them however early decoding stops."""
    starts = np.arange(0, count, 2) if count <= IMAGES else np.linspace(0, count - 2, IMAGES // 2).astype(int)
    order = np.random.default_rng(0).permutation(starts)
    return [row for start in order.tolist() for row in (start, start + 1) if row < count]


def _repeats(
    thumbs: NDArray[np.uint8], prints: Sequence[str], items: Sequence[Item]
) -> tuple[inspect.Copies, twins.Twins]:
    copies = inspect.find_copies(prints, [item.label for item in items])
    rows = np.array([row for row in range(len(items)) if row not in copies.first], dtype=np.int64)
    return copies, twins.find(thumbs, rows)


def _torn(items: Sequence[Item], first: dict[int, int], found: twins.Twins) -> int:
    pairs = [*first.items(), *map(tuple, found.pairs.tolist())]
    return sum(items[a].split != items[b].split for a, b in pairs)
