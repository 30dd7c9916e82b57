"""The Fréchet distance of two sets of features, each taken as a normal distribution (FID: Heusel et al. 2017).

|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). It is biased upwards by few images, more so the more features there are: compare
only numbers taken from equally many images in the same features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, checked


def frechet_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """FID of features (N, D) and (M, D), N and M at least 2; never below 0.

    With centered features X and Y, tr (C1 C2)^½ is the sum of the singular values of X Yᵀ / √((N-1)(M-1)): no root of a
    matrix is taken, so fewer images than features do no harm.
    """
    checked(first, second)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a covariance needs at least two images, got {len(first)} and {len(second)}")
    means = first.mean(0, dtype=np.float64), second.mean(0, dtype=np.float64)
    x, y = (_root(values - mean) for values, mean in zip((first, second), means, strict=True))
    common = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    apart = np.square(means[0] - means[1]).sum()
    return max(0.0, float(apart + np.square(x).sum() + np.square(y).sum() - 2 * common))


def _root(centered: Floats) -> Floats:
    """A matrix R with Rᵀ R the covariance, of no more rows than needed."""
    scaled: Floats = centered / np.sqrt(len(centered) - 1)
    if len(scaled) <= scaled.shape[1]:
        return scaled
    return np.asarray(np.linalg.qr(scaled, mode="r"), np.float64)
