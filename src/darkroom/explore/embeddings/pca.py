"""Principal components of the pixels: a baseline that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.data.components import pixel_components
from darkroom.data.store import Store
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import Count

FITTED_ON = 10_000
"""Maximum number of training images that the components are fitted to."""


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
            train = np.sort(np.random.default_rng(derive("pixels")).choice(train, FITTED_ON, replace=False))
        return pixel_components(store, train, self.components)(np.arange(len(store.samples)))
