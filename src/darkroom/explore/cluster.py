"""The job `explore cluster`: cluster the embedded images, measure that by labels if there are any, and picture it.

clusters.csv     one row per image: path, label (the cluster, to be edited), given label, and two ranks: 1 is the most typical of
                 its cluster, and the farthest from all other images. The source `manifest` reads this table.
clusters.json    the numbers of clusters that were tried, the agreement with labels, the strips of images and the map
"""

from __future__ import annotations

import csv
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
import torch

from darkroom import files, registry
from darkroom.classify.explanation.embedding import embed, on_grid
from darkroom.classify.explanation.pictures import save_thumbnails
from darkroom.classify.transfer.frozen import open_features
from darkroom.data.store import Store, open_store
from darkroom.explore import order, pictures
from darkroom.explore.agreement import agreement, knn_accuracy
from darkroom.explore.clustering.found import Clustering, Labels, Points, points, silhouette
from darkroom.explore.config import ClusterSpec
from darkroom.log import Log
from darkroom.randomness import derive

ABOUT, TABLE = "clusters.json", "clusters.csv"
COMPONENTS = 50
MAPPED = 1000
"""Images on the map."""


def run(spec: ClusterSpec, *, data: Path, embedding: Path, out: Path, log: Log) -> None:
    """Cluster the images of the prepared store `data` by the features in the folder `embedding`."""
    torch.set_num_threads(1)  # floating-point sums depend on it
    started = time.monotonic()
    store, features = open_store(data), np.asarray(open_features(embedding).values)
    with threadpoolctl.threadpool_limits(1):
        placed = points(features, COMPONENTS)
        found: Clustering = registry.build(spec.clustering).cluster(placed, seed=derive(spec.seed, "clusters"))
        score = silhouette(placed, found.labels, spec.seed)
        ranks, remote = order.typicality(placed, found.labels), order.remoteness(placed)
        agreed = _agreement(spec, store, features, found.labels)
        farthest = np.argsort(-remote, kind="stable")
        with files.folder(out) as fresh:
            _write_table(fresh / TABLE, store, found.labels, ranks, farthest)
            about: dict[str, Any] = {
                "clustering": spec.clustering.model_dump(mode="json"),
                "images": len(store.samples),
                "classes": list(store.classes),
                "clusters": pictures.save_clusters(fresh, store, found.labels, ranks),
                "unclustered": int((found.labels < 0).sum()),
                "silhouette": None if np.isnan(score) else score,
                "tried": [asdict(one) for one in found.tried],
                "agreement": agreed,
                "outliers": pictures.save(fresh, "outliers", store, farthest[: pictures.OUTLIERS]),
                "map": _map(fresh, spec, store, features, found.labels),
            }
            files.write_json(fresh / ABOUT, about)
            files.write_json(fresh / files.TIMING, {"seconds": time.monotonic() - started})
    values = {name: agreed[name]["value"] for name in ("nmi", "ari", "hungarian", "knn")}
    log({"clusters": len(about["clusters"]), **{name: value for name, value in values.items() if value is not None}})


def _agreement(spec: ClusterSpec, store: Store, features: Points, clusters: Labels) -> dict[str, Any]:
    """Measure clusters and features by the labels: of all images or, if features were learned from labels, the test images."""
    splits = store.items["split"].to_numpy(dtype=object)
    rows = np.flatnonzero((store.labels >= 0) & ((splits == "test") | (not spec.supervised)))
    generator = np.random.default_rng(derive(spec.seed, "agreement"))
    return {
        "on": "test" if spec.supervised else "all",
        "images": len(rows),
        **agreement(clusters[rows], store.labels[rows], generator=generator),
        "knn": knn_accuracy(features, store.labels, splits),
    }


def _write_table(path: Path, store: Store, clusters: Labels, ranks: Labels, farthest: Labels) -> None:
    width = len(str(clusters.max(initial=0) + 1))
    remoteness = np.empty(len(farthest), np.int64)
    remoteness[farthest] = np.arange(1, len(farthest) + 1)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("path", "label", "given", "typicality_rank", "outlier_rank"))
        for row, origin in enumerate(store.items["origin"].tolist()):
            cluster, label = int(clusters[row]), int(store.labels[row])
            writer.writerow(
                (
                    origin,
                    f"cluster {cluster + 1:0{width}}" if cluster >= 0 else "",
                    store.classes[label] if label >= 0 else "",
                    int(ranks[row]) or "",
                    int(remoteness[row]),
                )
            )


def _map(folder: Path, spec: ClusterSpec, store: Store, features: Points, clusters: Labels) -> dict[str, Any] | None:
    """Lay images out in two dimensions, the same ones for every embedding; None if there is nothing to lay out."""
    rows = np.arange(len(store.samples))
    if len(rows) > MAPPED:
        rows = np.sort(np.random.default_rng(derive("map of clusters")).choice(rows, MAPPED, replace=False))
    found = embed(features[rows], derive(spec.seed, "t-SNE"))
    if found is None:
        return None
    return {
        "ids": store.items["id"].iloc[rows].astype(str).tolist(),
        "clusters": clusters[rows].tolist(),
        "labels": store.labels[rows].tolist(),
        "pca": on_grid(found.pca),
        "tsne": on_grid(found.tsne),
        "explained": list(found.explained),
        **save_thumbnails(folder, store, rows.tolist()),
    }
