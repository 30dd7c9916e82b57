"""Principal components of many vectors, by the covariance of their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
NEGLIGIBLE = 1e-6
"""Variance relative to the largest one, below which a component is rounding error."""


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


def points(features: Floats, most: int) -> Floats:
    """Return what is clustered (N, K): features centered, scaled to unit length, then their principal components.

    Angles between features compare better than distances, which depend on an image's contrast.
    """
    centered = features - features.mean(0, dtype=np.float64)
    unit = (centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    mean, axes = components(unit, most)
    projected: Floats = (unit - mean) @ axes
    return projected
