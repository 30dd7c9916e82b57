"""The image set bundled with scikit-learn: no download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from sklearn.datasets import load_digits

from darkroom.data.item import Contents, save_arrays, saved_arrays
from darkroom.registry import register


@register("source", "sklearn")
class Sklearn:
    """1,797 handwritten digits, 8×8 gray, from scikit-learn. No download."""

    def __init__(
        self,
        *,
        dataset: Annotated[Literal["digits"], Field(description="which of scikit-learn's bundled sets")] = "digits",
    ) -> None:
        self.dataset = dataset

    def fetch(self, raw: Path) -> None:
        """Write the arrays, their 17 gray levels scaled to 0..255."""
        found = load_digits()
        images = np.rint(found.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
        save_arrays(raw, images, np.asarray(found.target, dtype=np.int64))

    def contents(self, raw: Path) -> Contents:
        """Return the digits in the package's order."""
        return saved_arrays(raw, name=self.dataset)
