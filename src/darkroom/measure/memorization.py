"""Memorization: whether generated samples repeat training samples, calibrated on held-out real ones.

Distances are Euclidean, between images as floats in [0, 1] or between vectors of rows. Alone they mislead: plain or blurry images
are close to everything. The distance to the nearest training sample is therefore divided by the mean distance to the `NEIGHBORS`
nearest ones (after Carlini et al. 2023); a copy is much closer to one sample than to the rest. A generated sample is a near-copy
if this ratio is below the `EXPECTED` quantile of the held-out ones' ratios, so without memorization about that share is expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Interval, percentiles
from darkroom.measure.distances import CELLS, Floats

NEIGHBORS = 50
EXPECTED = 0.01
QUANTILES = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True)
class Nearest:
    """Per image (N,): the row of the nearest training image, the distance to it, and the ratio of that distance to the
    mean over the `NEIGHBORS` nearest (1 if they are all equally far, 0 for an exact copy)."""

    row: NDArray[np.int64]
    distance: Floats
    ratio: Floats


def nearest(images: NDArray[np.uint8], training: NDArray[np.uint8], *, neighbors: int = NEIGHBORS) -> Nearest:
    """Find the nearest training image (M, H, W, C) of each image (N, H, W, C), all uint8.

    Reads both in blocks, so neither needs to fit in memory as floats. With fewer training images than `neighbors`, uses
    all of them.
    """
    if not len(images) or not len(training) or images.shape[1:] != training.shape[1:]:
        raise ValueError(f"expected images (N, H, W, C) of one size, got {images.shape} and {training.shape}")
    pixels = int(np.prod(images.shape[1:]))
    size = max(1, min(CELLS // pixels, pixels))  # bounds both the pixels and the distances of a block
    found = [_nearest(part, training, min(neighbors, len(training))) for part in _parts(images, size)]
    rows, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return of_neighbors(rows, np.sqrt(squared))


def of_neighbors(rows: NDArray[np.int64], distances: Floats) -> Nearest:
    """Return what the nearest training samples (N, k) and the distances to them (N, k), nearest first, say."""
    means = distances.mean(1)
    ratio = np.divide(distances[:, 0], means, out=np.zeros(len(means)), where=means > 0)
    return Nearest(rows[:, 0], distances[:, 0], ratio)


def near_copies(made: Floats, held_out: Floats, *, resamples: int, generator: np.random.Generator) -> Interval:
    """Return the fraction of generated images with a ratio (N,) below the threshold from held-out ratios (M,).

    Its 95 % interval resamples both the generated and the held-out images.
    """
    shares = np.empty(resamples)
    for index in range(resamples):
        limit = threshold(generator.choice(held_out, len(held_out)))
        shares[index] = (generator.choice(made, len(made)) < limit).mean()
    return percentiles(float((made < threshold(held_out)).mean()), shares)


def threshold(held_out: Floats) -> float:
    """Return the ratio below which an image counts as a near-copy."""
    return float(np.quantile(held_out, EXPECTED))


def quantiles(values: Floats) -> dict[str, float]:
    """Return the reported quantiles of distances or ratios by name."""
    return {name: float(np.quantile(values, share)) for name, share in QUANTILES.items()}


def _parts(images: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    return [images[at : at + size] for at in range(0, len(images), size)]


def _nearest(images: NDArray[np.uint8], training: NDArray[np.uint8], k: int) -> tuple[NDArray[np.int64], Floats]:
    """Return rows and squared distances, (N, k) each, of the k nearest training images, nearest first."""
    queries = _flat(images)
    lengths = np.square(queries).sum(1, keepdims=True)
    rows = np.empty((len(images), 0), np.int64)
    squared = np.empty((len(images), 0))
    at = 0
    for part in _parts(training, max(k, CELLS // queries.shape[1])):
        others = _flat(part)
        fresh = lengths + np.square(others).sum(1) - 2 * (queries @ others.T)
        rows = np.concatenate([rows, np.broadcast_to(np.arange(at, at + len(part)), fresh.shape)], axis=1)
        squared = np.concatenate([squared, fresh], axis=1)
        kept = np.argpartition(squared, min(k, squared.shape[1]) - 1, axis=1)[:, :k]
        rows, squared = np.take_along_axis(rows, kept, 1), np.take_along_axis(squared, kept, 1)
        at += len(part)
    order = np.lexsort((rows, squared), axis=1)  # ties: the first row
    return np.take_along_axis(rows, order, 1), np.take_along_axis(squared, order, 1) / 255**2


def _flat(images: NDArray[Any]) -> Floats:
    """Flatten to float64 without scaling: dot products of bytes are exact integers, so copies are at distance 0."""
    return np.asarray(images).reshape(len(images), -1).astype(np.float64)
