"""Fidelity and diversity of generated images, from nearest neighbors in a feature space.

Each image has a ball that reaches to its k-th nearest neighbor in its own set.
Improved precision and recall (Kynkäänniemi et al. 2019, k = 3): the fraction of generated images inside a real image's
ball, and of real images inside a generated image's ball. Density and coverage (Naeem et al. 2020, k = 5) are more robust
to outliers: the mean number of real balls that contain a generated image, divided by k, and the fraction of real balls
that contain any. For equal distributions, density is about 1 and coverage about 1 - 2^-k.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, squared_blocks

PRECISION_NEIGHBORS, NEIGHBORS = 3, 5
"""k for precision and recall, and k for density and coverage, as in the papers."""


class Manifold(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density ≥ 0."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(
    real: NDArray[Any], made: NDArray[Any], *, k: int = NEIGHBORS, precision_k: int = PRECISION_NEIGHBORS
) -> Manifold:
    """Return all four measures for features of real (N, D) and generated (M, D) images; balls are closed.

    `precision_k` is k for precision and recall, `k` for density and coverage. Raises ValueError if a set has at most
    max(k, precision_k) images.
    """
    most = max(k, precision_k)
    for name, values in (("real", real), ("generated", made)):
        if len(values) <= most:
            raise ValueError(f"got {len(values)} {name} images; {most} nearest neighbors each need at least {most + 1}")
    precision_radii, density_radii = radii(real, precision_k, k)
    (made_radii,) = radii(made, precision_k)
    precise = np.zeros(len(made), np.bool_)
    recalled = np.zeros(len(real), np.bool_)
    covered = np.zeros(len(real), np.bool_)
    holding = np.zeros(len(made), np.int64)
    for part, squared in squared_blocks(real, made):
        precise |= (squared <= precision_radii[part, None]).any(0)
        inside = squared <= density_radii[part, None]  # (rows of real, M): the generated image is in the real ball
        covered[part] = inside.any(1)
        holding += inside.sum(0)
        recalled[part] = (squared <= made_radii).any(1)
    return Manifold(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=float(holding.mean() / k),
        coverage=float(covered.mean()),
    )


def radii(features: NDArray[Any], *ks: int) -> Floats:
    """Return the squared distance (K, N) from each of N images to its k-th nearest neighbor, for each k; takes (N, D)."""
    found = np.empty((len(ks), len(features)))
    places = [k - 1 for k in ks]
    for part, squared in squared_blocks(features, features):
        rows = np.arange(len(features))[part]
        squared[np.arange(len(rows)), rows] = np.inf  # not its own neighbor
        found[:, part] = np.partition(squared, places, axis=1)[:, places].T
    return found
