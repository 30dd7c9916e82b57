"""Lay the test images out in two dimensions by what a network's last layer decides on: PCA and t-SNE of its features.

t-SNE (van der Maaten & Hinton 2008) starts from the first two principal components and takes the first 50, as its authors
advise. Both maps are fixed by the features and a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

COMPONENTS = 50
PERPLEXITY = 30
GRID = 1000
"""Coordinates of a map are whole numbers from 0 to this."""
FEWEST = 8
"""Images below which there is nothing to lay out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Embedding:
    """Two maps (N, 2) of N images, and the shares of the variance that the two principal components hold."""

    pca: Floats
    tsne: Floats
    explained: tuple[float, float]


def embed(features: NDArray[np.float32], seed: int) -> Embedding | None:
    """Embed features (N, D) in two dimensions; None for few images, or if fewer than two directions vary."""
    if len(features) < FEWEST:
        return None
    with threadpoolctl.threadpool_limits(1):  # sums depend on the number of threads
        projected, shares = principal_components(features.astype(np.float64))
        if len(shares) < 2 or shares[1] < 1e-9:
            return None
        from sklearn.manifold import TSNE

        perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed % 2**32, n_jobs=1)
        placed: Floats = tsne.fit_transform(projected[:, :COMPONENTS]).astype(np.float64)
    return Embedding(projected[:, :2], placed, (float(shares[0]), float(shares[1])))


def on_grid(places: Floats) -> list[list[int]]:
    """Scale places (N, 2) to the grid, both axes alike, and center them."""
    low, high = places.min(0), places.max(0)
    scaled = (places - (low + high) / 2) / max(float((high - low).max()), 1e-300) + 0.5
    found: list[list[int]] = np.rint(scaled * GRID).astype(int).tolist()
    return found


def principal_components(features: Floats) -> tuple[Floats, Floats]:
    """Project features (N, D) on their principal components: (N, K), and the share of the variance that each holds (K,).

    The largest weight of each component is positive, which fixes its sign.
    """
    centered = features - features.mean(0)
    _, spread, axes = np.linalg.svd(centered, full_matrices=False)
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    variance = np.square(spread)
    return centered @ axes.T, variance / max(variance.sum(), 1e-300)
