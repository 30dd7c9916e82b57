"""The Fréchet distance between two feature sets, each modeled as a Gaussian (FID; Heusel et al. 2017).

|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). Biased upward for small samples, more so in higher dimensions: compare only values
from equal numbers of images in the same feature space.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import Floats, checked


def frechet_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the FID, at least 0, of features (N, D) and (M, D) with N, M ≥ 2.

    With centered features X and Y, tr (C1 C2)^½ is the sum of the singular values of X Yᵀ / √((N-1)(M-1)). This avoids the
    matrix square root, so fewer images than features are no problem.
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
    """Return R with RᵀR the covariance, with at most D rows."""
    scaled: Floats = centered / np.sqrt(len(centered) - 1)
    if len(scaled) <= scaled.shape[1]:
        return scaled
    return np.asarray(np.linalg.qr(scaled, mode="r"), np.float64)
