"""The test images shown in the report: a ranked list of thumbnails, and larger strips of clear cases and worst mistakes.

They are saved as contact sheets, far smaller than one file per image. `examples.json` describes the sheets: `strips` by name,
each with its `panels` (side by side), `width` and `height` of a panel, `columns` and `rows` of a sheet, its `sheets`, and its
`items`, row by row.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import files, sheets
from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.detect.evaluation.reconstruction import as_bytes
from darkroom.detect.items import UNLABELED
from darkroom.fit.batches import as_tensor
from darkroom.overlay import Scale, outline, overlay, peak, scale

ABOUT = "examples.json"
THUMBNAIL, LARGE = 112, 160
"""Longer side of a panel in pixels, in the ranked list and in the strips."""
STRIP = 9
"""Images per strip."""

Kind = Literal["highest", "misses", "false_alarms"]


@dataclass(frozen=True)
class ScoredImage:
    """One image as shown: pixels (H, W, C), and its map (H, W), reconstruction (H, W, C) and mask (H, W) if it has any."""

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
class ScoredTest:
    """The test images (N,) of a store with their scores."""

    store: Store
    rows: NDArray[np.int64]
    anomalous: NDArray[np.bool_]
    scores: NDArray[np.float64]
    threshold: float
    pictures: Callable[[NDArray[Any]], NDArray[np.uint8]] = np.asarray
    """Returns samples as images."""

    def example(
        self, place: int, values: NDArray[np.float32] | None, reconstruction: NDArray[np.uint8] | None = None
    ) -> ScoredImage:
        """Return the image at a position among the rows."""
        row, masks = self.rows[place], self.store.masks
        id, label, mask = (self.store.items[column].iloc[row] for column in ("id", "label", "mask"))
        return ScoredImage(
            image=self.pictures(self.store.samples[[row]])[0],
            values=values,
            reconstruction=reconstruction,
            mask=None if masks is None or mask < 0 else masks[mask] > 0,
            id=str(id),
            name=self.store.classes[label] if label >= 0 else UNLABELED,
            score=float(self.scores[place]),
            anomalous=bool(self.anomalous[place]),
            flagged=bool(self.scores[place] > self.threshold),
        )

    def strip(self, kind: Kind) -> NDArray[np.int64]:
        """Return the positions of the highest scores, the lowest of anomalies, or the highest of normal images."""
        of_kind = {"misses": self.anomalous, "false_alarms": ~self.anomalous}.get(kind)
        order = np.argsort(self.scores if kind == "misses" else -self.scores, kind="stable")
        return (order if of_kind is None else order[of_kind[order]])[:STRIP]


class TopMaps:
    """Downscaled maps of the images with the `keep` highest scores, collected in one pass with bounded memory."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.seen = 0
        self.peaks: list[float] = []
        """The peak of every map seen."""
        self._heap: list[tuple[float, int, int]] = []  # score, negated position, slot
        self._maps: NDArray[np.float16] | None = None  # one array; each map divided by its maximum
        self._tops: list[float] = []

    def add(self, scores: NDArray[np.float64], maps: NDArray[np.float32] | None) -> None:
        """Add a batch of scores (B,) with its maps (B, H, W)."""
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
                self._hold(slot, sheets.reduced(maps[index], THUMBNAIL))

    def ranked(self) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """Yield position and map of each kept image, the highest score first."""
        for _, place, slot in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1])):
            yield -place, None if self._maps is None else self._maps[slot].astype(np.float32) * self._tops[slot]

    def _hold(self, slot: int, values: NDArray[np.float32]) -> None:
        if self._maps is None:
            self._maps = np.empty((self.keep, *values.shape), np.float16)
        self._tops[slot] = float(values.max()) or 1.0
        self._maps[slot] = values / self._tops[slot]


def color_scale(normal: TopMaps, test: TopMaps) -> Scale | None:
    """Return one color scale for all maps of a detector, None if it has no maps; `normal` are validation images."""
    return scale(np.array(normal.peaks), np.array(test.peaks)) if normal.peaks and test.peaks else None


@torch.inference_mode()
def enlarged(detector: Detector, tested: ScoredTest) -> dict[Kind, list[ScoredImage]]:
    """Return the strips; their maps and reconstructions are computed again, since none was kept at full size."""
    made: dict[int, ScoredImage] = {}
    strips: dict[Kind, list[ScoredImage]] = {}
    for kind in ("highest", "misses", "false_alarms"):
        places = [int(place) for place in tested.strip(kind)]
        for place in places:
            if place not in made:
                image = as_tensor(tested.store.samples[[tested.rows[place]]])
                rebuilt, maps = detector.reconstruct(image), detector.score(image).maps
                values = None if maps is None else maps[0].float().numpy()
                made[place] = tested.example(place, values, None if rebuilt is None else as_bytes(rebuilt)[0])
        strips[kind] = [made[place] for place in places]
    return strips


def save_examples(
    folder: Path, tested: ScoredTest, top: TopMaps, strips: dict[Kind, list[ScoredImage]], colors: Scale | None
) -> None:
    """Write the sheets and `examples.json`: the ranked list and the strips."""
    ranked = (tested.example(place, values) for place, values in top.ranked())
    found = {"ranked": _save_strip(folder, "ranked", ranked, colors, THUMBNAIL)}
    for kind, examples in strips.items():
        found[kind] = _save_strip(folder, kind, examples, colors, LARGE)
    about = {
        "of": len(tested.rows),
        "colors": colors and colors._asdict(),
        "threshold": tested.threshold,
        "strips": found,
    }
    files.write_json(folder / ABOUT, about)


def panels(example: ScoredImage, colors: Scale | None, side: int) -> dict[str, NDArray[np.uint8]]:
    """Return the panels of one image by name, all (h, w, 3) with a longer side of at most `side`.

    `input` is the image itself, `reconstruction` the detector's, and `map` the gray image with the map overlaid and the
    mask's outline.
    """
    image = sheets.reduced(example.image, side)
    found = {"input": sheets.rgb(image)}
    if example.reconstruction is not None:
        found["reconstruction"] = sheets.rgb(sheets.reduced(example.reconstruction, side))
    if example.values is not None and colors is not None:
        found["map"] = overlay(image, sheets.reduced(example.values, side), colors)
    if example.mask is not None:
        last = "map" if "map" in found else "input"
        found[last] = outline(found[last], sheets.reduced(example.mask.astype(np.float32), side) > 0)
    return found


def _save_strip(
    folder: Path, name: str, examples: Iterator[ScoredImage] | Sequence[ScoredImage], colors: Scale | None, side: int
) -> dict[str, Any]:
    """Write the sheets of one strip and return its part of `examples.json`."""
    items: list[dict[str, Any]] = []

    def shown() -> Iterator[dict[str, NDArray[np.uint8]]]:
        for example in examples:
            item = {key: getattr(example, key) for key in ("id", "score", "anomalous", "flagged")}
            items.append({**item, "class": example.name, "masked": example.mask is not None})
            yield panels(example, colors, side)

    return {**sheets.save_strip(folder, name, shown()), "items": items}
