"""k-means."""

from __future__ import annotations

from sklearn.cluster import KMeans

from darkroom.explore.clustering.found import Clustering, Fitted, Points, fitted
from darkroom.explore.options import Clusters, Most
from darkroom.registry import register

STARTS = 4
"""Random initializations (k-means++), of which the best is kept."""


@register("clustering", "kmeans")
class KMeansClustering:
    """Clusters around their means, all about equally wide."""

    def __init__(self, *, clusters: Clusters = None, most: Most = 20) -> None:
        self.clusters, self.most = clusters, most

    def cluster(self, points: Points, *, seed: int) -> Clustering:
        """Cluster points (N, K)."""
        return fitted(points, _fit, clusters=self.clusters, most=self.most, seed=seed)


def _fit(points: Points, clusters: int, seed: int) -> Fitted:
    found: Fitted = KMeans(clusters, n_init=STARTS, random_state=seed).fit(points)
    return found
