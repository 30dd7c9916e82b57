"""Fidelity and diversity of generated images, from nearest neighbors in a feature space.

Each image stands for a ball around it that reaches to its k-th nearest neighbor in its own set.
Improved precision and recall (Kynkäänniemi et al. 2019, k = 3): the fraction of generated images inside a ball of a real
one, and the fraction of real images inside a ball of a generated one. Density and coverage (Naeem et al. 2020, k = 5) are
more robust to outliers: the mean number of real balls that a generated image lies in, divided by k, and the fraction of
real balls with a generated image inside. For equal distributions density is about 1 and coverage about 1 - 2^-k.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, squared_blocks

PRECISION_NEIGHBOURS, NEIGHBOURS = 3, 5
"""k of precision and recall, and k of density and coverage, in their papers."""


class Manifold(NamedTuple):
    """Precision, recall and coverage in [0, 1], density from 0 up."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(
    real: NDArray[Any], made: NDArray[Any], *, k: int = NEIGHBOURS, precision_k: int = PRECISION_NEIGHBOURS
) -> Manifold:
    """Return all four measures of features (N, D) of real and (M, D) of generated images; the edge of a ball is inside.

    `precision_k` is that of precision and recall, `k` that of density and coverage. Raises ValueError if a set has fewer
    images than the larger one plus 1.
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
        inside = squared <= density_radii[part, None]  # (rows of real, M): is that generated image in this real ball
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
    """Return the squared distance of each image (N, D) to its k-th nearest other one, for each k: (K, N)."""
    found = np.empty((len(ks), len(features)))
    places = [k - 1 for k in ks]
    for part, squared in squared_blocks(features, features):
        rows = np.arange(len(features))[part]
        squared[np.arange(len(rows)), rows] = np.inf  # not its own neighbour
        found[:, part] = np.partition(squared, places, axis=1)[:, places].T
    return found
