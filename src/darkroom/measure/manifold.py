"""How far made images look real, and how much of what is real they reach: from the k nearest neighbours in features.

Each image stands for a ball around it that reaches to its k-th nearest neighbour in its own set.
Improved precision and recall (Kynkäänniemi et al. 2019): the share of made images inside a ball of a real one, and the
share of real images inside a ball of a made one. Density and coverage (Naeem et al. 2020) bear outliers better: how many
real balls a made image lies in on average, over k, and the share of real balls with a made image inside.
Of equal distributions density is about 1 and coverage about 1 - 2^-k.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, squared_blocks

NEIGHBOURS = 5


class Manifold(NamedTuple):
    """Precision, recall and coverage in [0, 1], density from 0 up."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: NDArray[Any], made: NDArray[Any], *, k: int = NEIGHBOURS) -> Manifold:
    """The four numbers of features (N, D) of real and (M, D) of made images; an image on the edge of a ball is inside.

    Raises ValueError when a set has no more than k images.
    """
    for name, values in (("real", real), ("made", made)):
        if len(values) <= k:
            raise ValueError(f"{len(values)} {name} images have no {k} nearest neighbours each; at least {k + 1} do")
    real_radii, made_radii = radii(real, k), radii(made, k)
    recalled = np.zeros(len(real), np.bool_)
    covered = np.zeros(len(real), np.bool_)
    holding = np.zeros(len(made), np.int64)
    for part, squared in squared_blocks(real, made):
        inside = squared <= real_radii[part, None]  # (rows of real, M): does this real ball hold that made image
        covered[part] = inside.any(1)
        holding += inside.sum(0)
        recalled[part] = (squared <= made_radii).any(1)
    return Manifold(
        precision=float((holding > 0).mean()),
        recall=float(recalled.mean()),
        density=float(holding.mean() / k),
        coverage=float(covered.mean()),
    )


def radii(features: NDArray[Any], k: int) -> Floats:
    """The squared distance (N,) of each image to its k-th nearest other one of the same set (N, D)."""
    found = np.empty(len(features))
    for part, squared in squared_blocks(features, features):
        rows = np.arange(len(features))[part]
        squared[np.arange(len(rows)), rows] = np.inf  # not its own neighbour
        found[part] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return found
