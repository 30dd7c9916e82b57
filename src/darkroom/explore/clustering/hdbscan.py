"""Clusters of any shape, by density."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.cluster import HDBSCAN

from darkroom.explore.clustering.found import Clustering, Points, numbered
from darkroom.registry import register
from darkroom.settings import Count

FEWEST = 5


@register("clustering", "hdbscan")
class DensityClustering:
    """Dense regions of any shape (Campello, Moulavi & Sander 2013); finds their number and leaves sparse images out."""

    def __init__(
        self,
        *,
        min_cluster_size: Annotated[
            Annotated[Count, Field(ge=2)] | None,
            Field(description="smallest number of images of a cluster; by default 1% of all, at least 5"),
        ] = None,
    ) -> None:
        self.min_cluster_size = min_cluster_size

    def cluster(self, points: Points, *, seed: int) -> Clustering:
        """Cluster points (N, K); images in no dense region get -1."""
        size = self.min_cluster_size or max(FEWEST, len(points) // 100)
        if len(points) < size:
            return Clustering(np.full(len(points), -1))
        found = HDBSCAN(min_cluster_size=size, copy=True, n_jobs=1).fit_predict(points.astype(np.float64))
        return Clustering(numbered(np.asarray(found, np.int64)))
