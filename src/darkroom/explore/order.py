"""Order images: the most typical of a cluster first, and the farthest from all others first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom.data.twins import neighbors
from darkroom.explore.clustering.found import Labels, Points

NEAREST = 10
"""Rank of the neighbor whose distance says how far an image is from all others."""


def typicality(points: Points, clusters: Labels) -> Labels:
    """Rank each image (N,) within its cluster by its distance to the cluster's mean, from 1 for the nearest; 0 in no cluster."""
    ranks = np.zeros(len(points), np.int64)
    for cluster in np.unique(clusters[clusters >= 0]):
        rows = np.flatnonzero(clusters == cluster)
        apart = np.linalg.norm(points[rows] - points[rows].mean(0), axis=1)
        ranks[rows[np.argsort(apart, kind="stable")]] = np.arange(1, len(rows) + 1)
    return ranks


def remoteness(points: Points) -> NDArray[np.float64]:
    """Return the distance (N,) of each image to its tenth-nearest one, by cosine in [0, 2] (Ramaswamy et al. 2000).

    In sets of ten images or fewer, that is the farthest one.
    """
    k = min(NEAREST, len(points) - 1)
    if k < 1:
        return np.zeros(len(points))
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    _, similarity = neighbors(unit.astype(np.float32), np.arange(len(points)), k)
    found: NDArray[np.float64] = 1 - similarity[:, -1]
    return found
