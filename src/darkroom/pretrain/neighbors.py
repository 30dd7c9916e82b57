"""The k-NN accuracy of features: validation images classified by the labels of the most similar training images.

Labels serve this measurement only; no training sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store, labeled
from darkroom.measure.proportion import Interval, wilson
from darkroom.nets.neighbors import classified

MOST_TRAINING, MOST_VALIDATION = 5000, 2000
"""Images to measure on; of more, this many evenly spaced ones."""
Features = Callable[[NDArray[np.int64]], Tensor]
"""Maps rows of a store to the features of their images (N, D)."""


@dataclass(frozen=True)
class Measured:
    """The images that features are measured on: rows of a store."""

    train: NDArray[np.int64]
    """Training images, with or without label."""
    val: NDArray[np.int64]
    """Labeled validation images; none if there is nothing to tell apart."""

    @classmethod
    def of(cls, store: Store) -> Measured:
        """Choose the images; `val` is empty unless each image has one class and there are at least two of them."""
        train, val = store.rows("train"), labeled(store, "val")
        classes = np.unique(store.labels[labeled(store, "train")]) if store.values is None else ()
        return cls(_spaced(train, MOST_TRAINING), _spaced(val, MOST_VALIDATION) if len(classes) > 1 else val[:0])


def predictions(store: Store, measured: Measured, bank: Tensor, queries: Tensor) -> NDArray[np.int64]:
    """Classify validation images by the 20 nearest training images that have a label, as in Wu et al. 2018.

    `bank` and `queries` are the features (N, D) of the measured training and validation images.
    """
    labels = torch.from_numpy(store.labels[measured.train])
    known = labels >= 0
    found: NDArray[np.int64] = classified(bank[known], labels[known], queries, classes=len(store.classes)).numpy()
    return found


def accuracy(store: Store, measured: Measured, predicted: NDArray[np.int64]) -> Interval:
    """Return the share of validation images that are classified correctly, with its interval."""
    right = predicted == store.labels[measured.val]
    return wilson(int(right.sum()), len(right), reason="there are no labeled validation images of several classes")


def _spaced(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
