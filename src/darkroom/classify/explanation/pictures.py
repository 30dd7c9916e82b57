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
from darkroom.classify.explanation.mistakes import Answers
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
    """Test images (N,) of a store with one classifier's answers and maps."""

    def __init__(self, network: nn.Module, store: Store, rows: Places, answers: Answers) -> None:
        self.network, self.store, self.rows, self.answers = network, store, rows, answers
        self.method = saliency.method(network, as_tensor(store.samples[rows[:1]]))
        self.rivals = _rivals(answers)

    def save(self, folder: Path, name: str, places: Places) -> dict[str, Any]:
        """Write a strip of these images, and return what `sheets.save_strip` does with an entry of `items` for each.

        The panels are the image, then the Grad-CAM of the predicted class and of its rival, which is the label or, where
        the prediction is right, the class that comes second; a transformer has one panel, its attention.
        """
        about = sheets.save_strip(folder, name, self._panels(places))
        return {**about, "items": [self._item(place) for place in places.tolist()]}

    def _item(self, place: int) -> dict[str, Any]:
        answers, rival = self.answers, int(self.rivals[place])
        return {
            "id": str(self.store.items["id"].iloc[self.rows[place]]),
            "label": int(answers.labels[place]),
            "predicted": int(answers.predicted[place]),
            "confidence": float(answers.confidence[place]),
            "rival": rival,
            "rival_confidence": float(answers.probabilities[place, rival]),
        }

    def _panels(self, places: Places) -> Iterator[dict[str, NDArray[np.uint8]]]:
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            images = self.store.samples[self.rows[batch]]
            maps = self._maps(images, batch)
            for index, image in enumerate(images):
                small = sheets.reduced(image, SIDE)
                drawn = {"image": sheets.rgb(small)}
                for name, values in maps.items():
                    shown = sheets.reduced(values[index], SIDE)
                    drawn[name] = overlay(small, shown, Scale(0.0, float(shown.max()) or 1.0))
                yield drawn

    def _maps(self, images: NDArray[np.uint8], places: Places) -> dict[str, NDArray[np.float32]]:
        """Return the maps (B, H, W) of images (B, H, W, C) by the names of their panels."""
        if self.method is None:
            return {}
        wanted = {"prediction": self.answers.predicted, "rival": self.rivals}
        if self.method == "attention_rollout":
            wanted = {"attention": self.answers.predicted}
        given = as_tensor(images)
        return {
            name: saliency.saliency(self.network, self.method, given, torch.from_numpy(classes[places])).numpy()
            for name, classes in wanted.items()
        }


def save_thumbnails(folder: Path, store: Store, rows: Sequence[int]) -> dict[str, Any]:
    """Write the thumbnails of the embedding map, and return what `sheets.save_strip` does."""
    images = ({"image": sheets.rgb(sheets.reduced(np.asarray(store.samples[row]), THUMBNAIL))} for row in rows)
    return sheets.save_strip(folder, "map", images, columns=COLUMNS, rows=ROWS)


def _rivals(answers: Answers) -> NDArray[np.int64]:
    """Return the label where the prediction is wrong, else the class of the second-highest probability."""
    others = answers.probabilities.copy()
    np.put_along_axis(others, answers.predicted[:, None], -1, axis=1)
    return np.where(answers.wrong, answers.labels, others.argmax(1))
