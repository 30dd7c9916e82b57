"""A mixture of Gaussians."""

from __future__ import annotations

from sklearn.mixture import GaussianMixture

from darkroom.explore.clustering.found import Clustering, Fitted, Points, fitted
from darkroom.explore.options import Clusters, Most
from darkroom.registry import register

FLOOR = 1e-4
"""Added to the variances; coordinates are of length 1 at most."""


@register("clustering", "gaussian_mixture")
class MixtureClustering:
    """Clusters of different widths along each coordinate: Gaussians with diagonal covariance, fitted by EM."""

    def __init__(self, *, clusters: Clusters = None, most: Most = 20) -> None:
        self.clusters, self.most = clusters, most

    def cluster(self, points: Points, *, seed: int) -> Clustering:
        """Cluster points (N, K)."""
        return fitted(points, _fit, clusters=self.clusters, most=self.most, seed=seed)


def _fit(points: Points, clusters: int, seed: int) -> Fitted:
    model = GaussianMixture(clusters, covariance_type="diag", reg_covar=FLOOR, random_state=seed)
    found: Fitted = model.fit(points.astype("float64"))
    return found
