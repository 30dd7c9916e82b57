"""The test images that a report shows: a ranked list of thumbnails, and the clearest cases and worst mistakes larger.

They are kept as sheets of many pictures, which take far less room than a file each, and `examples.json` tells what stands
where: `strips` by name, each with its `panels` beside each other, `width` and `height` of a panel, `columns` and `rows` of
a sheet, its `sheets`, and its `items`, which fill them row by row.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from darkroom import files
from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.detect.evaluation.overlay import Scale, outline, overlay, peak, scale
from darkroom.detect.evaluation.reconstruction import as_bytes
from darkroom.fit.batches import as_float

ABOUT = "examples.json"
THUMBNAIL, LARGE = 112, 160
"""Most pixels of a panel's longer side, in the ranked list and in the strips."""
STRIP = 9
"""Images of each strip."""
COLUMNS, ROWS = 5, 10
"""Pictures of a sheet."""
SHARP = 48
"""Panels lower than this are kept without loss: they are shown enlarged, pixel by pixel."""
QUALITY = 90
"""WebP's, of all others; the report goes lower where there are too many to send."""

Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])
Kind = Literal["highest", "misses", "false_alarms"]


@dataclass(frozen=True)
class Example:
    """One image as shown: (H, W, C) uint8 pixels; its map (H, W), reconstruction and mask (H, W) where there are."""

    image: NDArray[np.uint8]
    values: NDArray[np.float32] | None
    reconstruction: NDArray[np.uint8] | None
    mask: NDArray[np.bool_] | None
    id: str
    name: str
    score: float
    anomalous: bool
    flagged: bool


@dataclass(frozen=True)
class Verdicts:
    """The test images (N,) of a store by row, with what is known of each."""

    store: Store
    rows: NDArray[np.int64]
    anomalous: NDArray[np.bool_]
    scores: NDArray[np.float64]
    threshold: float

    def example(
        self, place: int, values: NDArray[np.float32] | None, reconstruction: NDArray[np.uint8] | None = None
    ) -> Example:
        """The image at a place among the rows."""
        row, masks = self.rows[place], self.store.masks
        id, label, mask = (self.store.items[column].iloc[row] for column in ("id", "label", "mask"))
        return Example(
            image=self.store.images[row],
            values=values,
            reconstruction=reconstruction,
            mask=None if masks is None or mask < 0 else masks[mask] > 0,
            id=str(id),
            name=self.store.classes[label],
            score=float(self.scores[place]),
            anomalous=bool(self.anomalous[place]),
            flagged=bool(self.scores[place] > self.threshold),
        )

    def strip(self, kind: Kind) -> NDArray[np.int64]:
        """Places of the highest scores, of the anomalies with the lowest, or of the normal images with the highest."""
        of_kind = {"misses": self.anomalous, "false_alarms": ~self.anomalous}.get(kind)
        order = np.argsort(self.scores if kind == "misses" else -self.scores, kind="stable")
        return (order if of_kind is None else order[of_kind[order]])[:STRIP]


class Kept:
    """The maps of the images with the highest scores, small; no more than `keep` are held, however many pass."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.seen = 0
        self.peaks: list[float] = []
        """The hottest spot of every map that passed."""
        self._heap: list[tuple[float, int, int]] = []  # score, place in the order of passing negated, slot
        self._maps: NDArray[np.float16] | None = None  # one array, each map over its largest value
        self._tops: list[float] = []

    def add(self, scores: NDArray[np.float64], maps: NDArray[np.float32] | None) -> None:
        """A batch of scores (B,) with its maps (B, H, W)."""
        for index, score in enumerate(scores):
            entry = float(score), -self.seen
            self.seen += 1
            if maps is not None:
                self.peaks.append(peak(maps[index]))
            if len(self._heap) < self.keep:
                slot = len(self._heap)
                heapq.heappush(self._heap, (*entry, slot))
                self._tops.append(0.0)
            elif self._heap and entry > self._heap[0][:2]:
                slot = self._heap[0][2]
                heapq.heapreplace(self._heap, (*entry, slot))
            else:
                continue
            if maps is not None:
                self._hold(slot, reduced(maps[index], THUMBNAIL))

    def ranked(self) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """Each kept image's place in the order of passing, and its map; the highest score first."""
        for _, place, slot in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1])):
            yield -place, None if self._maps is None else self._maps[slot].astype(np.float32) * self._tops[slot]

    def _hold(self, slot: int, values: NDArray[np.float32]) -> None:
        if self._maps is None:
            self._maps = np.empty((self.keep, *values.shape), np.float16)
        self._tops[slot] = float(values.max()) or 1.0
        self._maps[slot] = values / self._tops[slot]


def colors(normal: Kept, test: Kept) -> Scale | None:
    """One color scale for all maps of a detector, None where it makes none; `normal` are validation images."""
    return scale(np.array(normal.peaks), np.array(test.peaks)) if normal.peaks and test.peaks else None


@torch.inference_mode()
def larger(detector: Detector, verdicts: Verdicts) -> dict[Kind, list[Example]]:
    """The strips, whose maps and reconstructions are made again as none was kept at full size."""
    made: dict[int, Example] = {}
    strips: dict[Kind, list[Example]] = {}
    for kind in ("highest", "misses", "false_alarms"):
        places = [int(place) for place in verdicts.strip(kind)]
        for place in places:
            if place not in made:
                image = as_float(verdicts.store.images[[verdicts.rows[place]]])
                rebuilt, maps = detector.reconstruct(image), detector.score(image).maps
                values = None if maps is None else maps[0].float().numpy()
                made[place] = verdicts.example(place, values, None if rebuilt is None else as_bytes(rebuilt)[0])
        strips[kind] = [made[place] for place in places]
    return strips


def save_examples(
    folder: Path, verdicts: Verdicts, kept: Kept, strips: dict[Kind, list[Example]], span: Scale | None
) -> None:
    """Write the sheets and `examples.json`: the ranked list of what was kept, and the strips."""
    ranked = (verdicts.example(place, values) for place, values in kept.ranked())
    found = {"ranked": _save_strip(folder, "ranked", ranked, span, THUMBNAIL)}
    for kind, examples in strips.items():
        found[kind] = _save_strip(folder, kind, examples, span, LARGE)
    about = {
        "of": len(verdicts.rows),
        "colors": span and span._asdict(),
        "threshold": verdicts.threshold,
        "strips": found,
    }
    files.write_json(folder / ABOUT, about)


def panels(example: Example, span: Scale | None, side: int) -> dict[str, NDArray[np.uint8]]:
    """The pictures of one image by name, all (h, w, 3) with a longer side of at most `side`.

    `input` is the image as it is, `reconstruction` what the detector makes of it, `map` the image in gray with the map over
    it and the outline of the mask.
    """
    image = reduced(example.image, side)
    found = {"input": _rgb(image)}
    if example.reconstruction is not None:
        found["reconstruction"] = _rgb(reduced(example.reconstruction, side))
    if example.values is not None and span is not None:
        found["map"] = overlay(image, reduced(example.values, side), span)
    if example.mask is not None:
        last = "map" if "map" in found else "input"
        found[last] = outline(found[last], reduced(example.mask.astype(np.float32), side) > 0)
    return found


def reduced(pixels: Pixels, side: int) -> Pixels:
    """Pixels (H, W) or (H, W, C) with a longer side of at most `side`, area-averaged; smaller ones as they are."""
    height, width = pixels.shape[:2]
    most = max(height, width)
    if most <= side:
        return pixels
    size = max(1, round(width * side / most)), max(1, round(height * side / most))
    small: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(pixels.dtype)
    return small.reshape(*small.shape[:2], *pixels.shape[2:])  # OpenCV drops a single channel


def _save_strip(
    folder: Path, name: str, examples: Iterator[Example] | Sequence[Example], span: Scale | None, side: int
) -> dict[str, Any]:
    """Write the sheets of one strip and give its part of `examples.json`."""
    about: dict[str, Any] = {"columns": COLUMNS, "rows": ROWS, "sheets": [], "items": []}
    tiles: list[NDArray[np.uint8]] = []
    for example in examples:
        parts = panels(example, span, side)
        about["panels"] = list(parts)
        about["height"], about["width"] = parts["input"].shape[:2]
        tiles.append(np.concatenate(list(parts.values()), axis=1))
        item = {key: getattr(example, key) for key in ("id", "score", "anomalous", "flagged")}
        about["items"].append({**item, "class": example.name, "masked": example.mask is not None})
        if len(tiles) == COLUMNS * ROWS:
            about["sheets"].append(_save_sheet(folder, name, len(about["sheets"]), tiles))
            tiles = []
    if tiles:
        about["sheets"].append(_save_sheet(folder, name, len(about["sheets"]), tiles))
    return about


def _save_sheet(folder: Path, name: str, number: int, tiles: list[NDArray[np.uint8]]) -> str:
    height, width, _ = tiles[0].shape
    sheet = np.full((-(-len(tiles) // COLUMNS) * height, COLUMNS * width, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // COLUMNS * height, index % COLUMNS * width
        sheet[top : top + height, left : left + width] = tile
    file = f"{name}-{number:02d}.webp"
    Image.fromarray(sheet).save(folder / file, lossless=height < SHARP, quality=QUALITY, method=4)
    return file


def _rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
