"""Save the images that an explanation shows, with maps of what the network looks at beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom import sheets
from darkroom.classify.explanation import saliency
from darkroom.classify.explanation.mistakes import Mistakes, Shown
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.overlay import Scale, overlay

SIDE = 128
"""Longer side of a panel in pixels."""
THUMBNAIL = 40
"""Longer side of a thumbnail of the embedding map."""
COLUMNS, ROWS = 36, 12
"""Thumbnails per sheet."""
BATCH = 16

Places = NDArray[np.int64]


class Gallery:
    """Test images (N,) of a store with one model's answers and maps."""

    def __init__(self, network: nn.Module, store: Store, rows: Places, answers: Mistakes) -> None:
        self.network, self.store, self.rows, self.answers = network, store, rows, answers
        self.method = saliency.method(network, as_tensor(store.samples[rows[:1]]))

    def save(self, folder: Path, name: str, shown: Shown) -> dict[str, Any]:
        """Write a strip of these images, and return what `sheets.save_strip` does with an entry of `items` for each.

        The panels are the image, then the Grad-CAMs that the answers ask for; a transformer has one panel, its attention.
        """
        about = sheets.save_strip(folder, name, self._panels(shown))
        ids = self.store.items["id"]
        items = [
            {"id": str(ids.iloc[self.rows[place]]), **self.answers.item(place, output)}
            for place, output in zip(shown.places.tolist(), shown.outputs.tolist(), strict=True)
        ]
        return {**about, "items": items}

    def _panels(self, shown: Shown) -> Iterator[dict[str, NDArray[np.uint8]]]:
        for start in range(0, len(shown.places), BATCH):
            batch = Shown(shown.places[start : start + BATCH], shown.outputs[start : start + BATCH])
            images = self.store.samples[self.rows[batch.places]]
            maps = self._maps(images, batch)
            for index, image in enumerate(images):
                small = sheets.reduced(image, SIDE)
                drawn = {"image": sheets.rgb(small)}
                for name, values in maps.items():
                    map_ = sheets.reduced(values[index], SIDE)
                    drawn[name] = overlay(small, map_, Scale(0.0, float(map_.max()) or 1.0))
                yield drawn

    def _maps(self, images: NDArray[np.uint8], shown: Shown) -> dict[str, NDArray[np.float32]]:
        """Return the maps (B, H, W) of images (B, H, W, C) by the names of their panels."""
        if self.method is None:
            return {}
        wanted = self.answers.maps(shown)
        if self.method == "attention_rollout":
            wanted = {"attention": (shown.outputs, 1)}
        given = as_tensor(images)
        return {
            name: saliency.saliency(self.network, self.method, given, torch.from_numpy(outputs), sign=sign).numpy()
            for name, (outputs, sign) in wanted.items()
        }


def save_thumbnails(folder: Path, store: Store, rows: Sequence[int]) -> dict[str, Any]:
    """Write the thumbnails of the embedding map, and return what `sheets.save_strip` does."""
    images = ({"image": sheets.rgb(sheets.reduced(np.asarray(store.samples[row]), THUMBNAIL))} for row in rows)
    return sheets.save_strip(folder, "map", images, columns=COLUMNS, rows=ROWS)
