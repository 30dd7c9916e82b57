"""Batch active learning by diverse gradient embeddings (Ash et al. 2020).

The gradient embedding of an image is the gradient of the cross-entropy with respect to the last layer's weights, with the
predicted class as label: the outer product of p - y (K,) and the features h (D,). Inner products of embeddings are products of
those of their factors, so no K × D vector is ever made. Like the authors' code, the k-means++ seeding starts with the largest
embedding instead of a random one, as their paper says.
"""

from __future__ import annotations

import numpy as np

from darkroom.registry import register
from darkroom.suggest.pool import Floats, Pool, Ranked


@register("acquisition", "badge")
class BADGE:
    """Images with large and diverse gradients of the last layer, drawn by k-means++ (D² sampling).

    The score is the squared distance to the nearest image before it, for the first one the squared norm.
    """

    def rank(self, pool: Pool, count: int, generator: np.random.Generator) -> Ranked:
        """Return `count` images, each drawn in proportion to its squared distance to the nearest one before it."""
        errors, features = residuals(pool.probabilities()), pool.features()
        nearest = (errors**2).sum(1) * (features**2).sum(1)
        free = np.ones(len(nearest), dtype=bool)
        rows = [int(nearest.argmax())]
        scores = [float(nearest[rows[0]])]
        nearest = np.full(len(nearest), np.inf)
        while len(rows) < count:
            free[rows[-1]] = False
            nearest = np.minimum(nearest, squared_distances(errors, features, rows[-1]))
            weights = np.where(free, nearest, 0)
            weights = weights if weights.any() else free.astype(np.float64)  # only copies are left
            rows.append(int(generator.choice(len(weights), p=weights / weights.sum())))
            scores.append(float(nearest[rows[-1]]))
        return Ranked(np.array(rows, dtype=np.int64), np.array(scores))


def residuals(probabilities: Floats) -> Floats:
    """Return p - y (N, K), where y marks the most probable class."""
    errors = probabilities.copy()
    errors[np.arange(len(errors)), errors.argmax(1)] -= 1
    return errors


def squared_distances(errors: Floats, features: Floats, row: int) -> Floats:
    """Return the squared distances (N,) of all gradient embeddings to that of one row, from their factors."""
    norms = (errors**2).sum(1) * (features**2).sum(1)
    inner = (errors @ errors[row]) * (features @ features[row])
    found: Floats = np.maximum(norms + norms[row] - 2 * inner, 0)
    return found
