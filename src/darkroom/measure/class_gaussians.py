"""Mahalanobis distances of features to the nearest class mean, with one covariance shared by all classes (Lee et al. 2018).

Unlike theirs, the score has no input preprocessing and no ensemble over layers, and is the distance rather than its negative
square. The covariance has a small ridge, because a feature that is always zero has no variance.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from darkroom.measure.distances import squared_blocks

Floats = NDArray[np.float64]
RIDGE = 0.01
"""Added to each feature's variance, as a share of their mean variance."""


@dataclass(frozen=True, eq=False)
class ClassGaussians:
    """Gaussians with the means (K, D) of K classes and the same covariance, the inverse of `whitening.T @ whitening`."""

    means: NDArray[Any]
    whitening: NDArray[Any]  # (D, D), lower triangular

    def distances(self, features: NDArray[Any]) -> Floats:
        """Return the distance (N,) of features (N, D) to the nearest mean, in standard deviations."""
        if not len(features):
            return np.empty(0)
        nearest = [squared.min(1) for _, squared in squared_blocks(self._whitened(features), self._centers)]
        found: Floats = np.sqrt(np.concatenate(nearest))
        return found

    @functools.cached_property
    def _centers(self) -> Floats:
        return self._whitened(self.means)

    def _whitened(self, values: NDArray[Any]) -> Floats:
        found: Floats = values.astype(np.float64) @ self.whitening.T.astype(np.float64)
        return found


def fit(features: NDArray[Any], labels: NDArray[np.int64]) -> ClassGaussians:
    """Estimate the means of the labels that occur, in ascending order, and their covariance from features (N, D).

    Raises ValueError without features.
    """
    if not len(features):
        raise ValueError("there are no features to fit a distribution to")
    present, place = np.unique(labels, return_inverse=True)
    values = features.astype(np.float64)
    means = np.stack([values[place == k].mean(0) for k in range(len(present))])
    offsets = values - means[place]
    covariance = offsets.T @ offsets / len(offsets)
    ridge = RIDGE * max(float(covariance.diagonal().mean()), 1e-12)
    factor = linalg.cholesky(covariance + ridge * np.eye(len(covariance)), lower=True)
    return ClassGaussians(means, linalg.solve_triangular(factor, np.eye(len(factor)), lower=True))
