"""Principal components of the pixels: a baseline that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import threadpoolctl
from numpy.typing import NDArray
from pydantic import Field

from darkroom import sheets
from darkroom.data.store import Store, release
from darkroom.explore.components import components
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import Count

SIDE = 32
"""Longer side that images are reduced to: fine detail differs between any two photographs."""
FITTED_ON = 10_000
"""Maximum number of training images that the components are fitted to."""
BATCH = 1024


@register("embedding", "pca")
class PixelComponents:
    """The first principal components of the pixels of images of at most 32 pixels, fitted to the training images."""

    SUPERVISED = False

    def __init__(self, *, components: Annotated[Count, Field(description="maximum number of components")] = 64) -> None:
        self.components = components

    def embed(self, store: Store, *, classifier: Path | None, workers: int) -> NDArray[np.float32]:
        """Return the components (N, D) of all images."""
        train = store.rows("train")
        if len(train) > FITTED_ON:
            chosen = np.random.default_rng(derive("pixels")).choice(train, FITTED_ON, replace=False)
            train = np.sort(chosen)
        with threadpoolctl.threadpool_limits(1):  # sums depend on the number of threads
            mean, axes = components(_pixels(store, train), self.components)
            everything = np.arange(len(store.images))
            parts = [
                (_pixels(store, everything[start : start + BATCH]) - mean) @ axes
                for start in range(0, len(everything), BATCH)
            ]
        return np.concatenate(parts).astype(np.float32)


def _pixels(store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the pixels (N, D) of the reduced images, in [0, 1]."""
    found = np.stack([sheets.reduced(np.asarray(store.images[row]), SIDE).ravel() for row in rows.tolist()])
    release(store.images)
    return found.astype(np.float32) / np.float32(255)
