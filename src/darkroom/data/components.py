"""Principal components of many vectors, by the covariance of their values; of pixels they need no network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from darkroom import sheets
from darkroom.data.store import Store, release

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
NEGLIGIBLE = 1e-6
"""Variance relative to the largest one, below which a component is rounding error."""
SIDE = 32
"""Longer side that images are reduced to: fine detail differs between any two photographs."""
BATCH = 1024


def components(vectors: Floats, most: int) -> tuple[Floats, Floats]:
    """Return the mean (D,) of vectors (N, D) and their first principal axes (D, K), K ≤ `most`.

    The largest weight of each axis is positive, which fixes its sign. K is 1 if all vectors are equal.
    """
    mean = vectors.mean(0, dtype=np.float64)
    centered = vectors - mean
    wide = len(centered) < centered.shape[1]
    variance, axes = np.linalg.eigh(centered @ centered.T if wide else centered.T @ centered)
    variance, axes = variance[::-1][:most], axes[:, ::-1][:, :most]
    kept = max(int((variance > NEGLIGIBLE * max(float(variance[0]), 1e-300)).sum()), 1)
    axes = axes[:, :kept]
    if wide:
        axes = centered.T @ axes
        axes /= np.maximum(np.linalg.norm(axes, axis=0), 1e-300)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(kept)] + 1e-300)
    return mean.astype(np.float32), axes.astype(np.float32)


def pixel_components(store: Store, rows: Rows, most: int) -> Callable[[Rows], Floats]:
    """Fit at most `most` principal components to the pixels of these images of a store, reduced to at most 32 pixels.

    Return a function that maps rows of the store to the components (N, K) of their images.
    """

    def project(some: Rows) -> Floats:
        with threadpoolctl.threadpool_limits(1):
            starts = range(0, len(some), BATCH)
            return np.concatenate([(_pixels(store, some[start : start + BATCH]) - mean) @ axes for start in starts])

    with threadpoolctl.threadpool_limits(1):  # sums depend on the number of threads
        mean, axes = components(_pixels(store, rows), most)
    return project


def _pixels(store: Store, rows: Rows) -> Floats:
    """Return the pixels (N, D) of the reduced images, in [0, 1]."""
    found = np.stack([sheets.reduced(np.asarray(store.samples[row]), SIDE).ravel() for row in rows.tolist()])
    release(store.samples)
    return found.astype(np.float32) / np.float32(255)
