"""Images that generators draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from darkroom import sheets
from darkroom.data import table
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes
from darkroom.generate.drawn.kind import SHOWN, Samples, Shown
from darkroom.generate.evaluation.spaces import FeatureExtractor, JudgeClassifier
from darkroom.registry import register

IMAGES = "images"
COLUMNS: table.Columns = {"path": "text", "label": "text"}


@register("drawn samples", "image")
class DrawnImages:
    """Images as bytes (N, H, W, C)."""

    def stored(self, samples: Tensor) -> Samples:
        """Return floats (N, C, H, W) in [0, 1] as bytes."""
        return as_bytes(samples)

    def space(self, judge: JudgeClassifier, store: Store) -> FeatureExtractor:
        """Return the judge's features."""
        return judge.features

    def show(self, store: Store, rows: NDArray[np.int64], drawn: Sequence[Shown], *, data: Path, path: Path) -> None:
        """Tile one row per class: real images, accepted samples, rejected samples."""
        blank = np.full((1, *store.samples.shape[1:]), 255, np.uint8)
        lines = []
        for label, kept, refused in drawn:
            real = store.samples[rows[store.labels[rows] == label][:SHOWN]]
            parts = (real, kept[:SHOWN], refused[:SHOWN])
            lines.append([np.concatenate([part, blank.repeat(SHOWN - len(part), 0)]) for part in parts])
        columns = [sheets.tile(np.concatenate(part), columns=SHOWN, height=32) for part in zip(*lines, strict=True)]
        gap = np.full((len(columns[0]), 14, 3), 255, np.uint8)
        sheets.save_image(np.concatenate([columns[0], gap, columns[1], gap, columns[2]], axis=1), path)

    def write(
        self, batches: Iterable[Samples], labels: Sequence[str | None], *, model: Path, folder: Path, name: str
    ) -> str:
        """Write PNG files, and a table of their paths and classes."""
        table.write(folder / name, COLUMNS, _written(batches, labels, folder), total=len(labels))
        return f"{IMAGES} and {name}"


def _written(
    batches: Iterable[Samples], labels: Sequence[str | None], folder: Path
) -> Iterator[tuple[str, str | None]]:
    """Write the images, and yield the row of each."""
    (folder / IMAGES).mkdir()
    digits = max(5, len(str(len(labels) - 1)))
    for count, (image, label) in enumerate(zip((image for batch in batches for image in batch), labels, strict=True)):
        path = f"{IMAGES}/{count:0{digits}}.png"
        sheets.save_image(image[..., 0] if image.shape[2] == 1 else image, folder / path)
        yield path, label
