"""What clusterings take and return, and the choice of the number of clusters: the best silhouette among stable numbers.

For each number K, subsamples of the images are clustered, each clustering assigns all images, and the adjusted Rand index
between these assignments, averaged over all pairs, is the stability of K (as in Ben-Hur, Elisseeff & Guyon 2002; Lange et al.
2004). Of the numbers with a stability of at least 0.8, the one with the highest silhouette (Rousseeuw 1987) is chosen; if
none is that stable, the most stable one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, silhouette_score

from darkroom.data.components import components
from darkroom.randomness import derive

Points = NDArray[np.float32]
Labels = NDArray[np.int64]

FEWEST = 4
"""Fewest points that are split into clusters."""
STABLE = 0.8
SUBSAMPLES, SHARE = 5, 0.8
MOST = 2000
"""Maximum number of images in a subsample, and of those that the silhouette is computed on."""


class Fitted(Protocol):
    """A fitted model of scikit-learn."""

    def predict(self, points: Points) -> Labels: ...


Fit = Callable[[Points, int, int], Fitted]
"""Fit points (N, K) with a number of clusters and a seed."""


@dataclass(frozen=True)
class Tried:
    """A number of clusters with its stability in [-1, 1] and its silhouette in [-1, 1]."""

    clusters: int
    stability: float
    silhouette: float


@dataclass(frozen=True)
class Clustering:
    """The cluster of each image (N,), -1 for none, and the numbers of clusters that were tried."""

    labels: Labels
    tried: tuple[Tried, ...] = ()


def points(features: Points, most: int) -> Points:
    """Return what is clustered (N, K): features centered, scaled to unit length, then their principal components.

    Angles between features compare better than distances, which depend on an image's contrast.
    """
    centered = features - features.mean(0, dtype=np.float64)
    unit = (centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    mean, axes = components(unit, most)
    projected: Points = (unit - mean) @ axes
    return projected


def fitted(points: Points, fit: Fit, *, clusters: int | None, most: int, seed: int) -> Clustering:
    """Cluster points into the given number of clusters or, by default, the chosen one of 2 to `most`; very few form one."""
    if len(points) < FEWEST:
        return Clustering(np.zeros(len(points), np.int64))
    numbers = range(2, max(2, min(most, len(points) // 5)) + 1) if clusters is None else [min(clusters, len(points))]
    tried = tuple(_try(points, fit, number, seed) for number in numbers)
    chosen = clusters or choose(tried)
    return Clustering(numbered(fit(points, min(chosen, len(points)), seed % 2**32).predict(points)), tried)


def choose(tried: tuple[Tried, ...]) -> int:
    """Return the number of clusters to use; of equals, the smallest."""
    stable = [one for one in tried if one.stability >= STABLE]
    best = max(stable, key=lambda one: one.silhouette) if stable else max(tried, key=lambda one: one.stability)
    return best.clusters


def silhouette(points: Points, labels: Labels, seed: int) -> float:
    """Return the mean silhouette of clustered points, of a random part of a large set; NaN for fewer than two clusters."""
    rows = np.flatnonzero(labels >= 0)
    rows = _subsample(rows, MOST, np.random.default_rng(derive(seed, "silhouette")))
    found = len(np.unique(labels[rows]))
    return float(silhouette_score(points[rows], labels[rows])) if 2 <= found < len(rows) else float("nan")


def numbered(labels: Labels) -> Labels:
    """Number the clusters from the largest to the smallest; -1 stays -1."""
    names, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(np.where(names < 0, 1, -counts), kind="stable")
    number = np.empty(len(names), np.int64)
    number[order] = np.arange(len(names))
    number[names < 0] = -1
    return number[places]


def _try(points: Points, fit: Fit, clusters: int, seed: int) -> Tried:
    generator, rows = np.random.default_rng(derive(seed, "stability", clusters)), np.arange(len(points))
    size = max(min(round(SHARE * len(points)), MOST), min(clusters, len(points)))
    answers = [
        fit(points[_subsample(rows, size, generator)], min(clusters, size), derive(seed, number) % 2**32).predict(
            points
        )
        for number in range(SUBSAMPLES)
    ]
    stability = float(np.mean([adjusted_rand_score(one, other) for one, other in combinations(answers, 2)]))
    return Tried(clusters, stability, float(np.mean([silhouette(points, one, seed) for one in answers])))


def _subsample(rows: Labels, size: int, generator: np.random.Generator) -> Labels:
    return rows if len(rows) <= size else np.sort(generator.choice(rows, size, replace=False))
