"""How well clusters and features agree with labels that neither has seen.

Normalized mutual information (arithmetic mean) and the adjusted Rand index (Hubert & Arabie 1985) compare partitions; the
Hungarian accuracy is the share of images whose cluster is matched to their class by the best one-to-one matching (Kuhn 1955).
Images in no cluster count as one more cluster, which is matched to no class. Intervals hold for this clustering and new
images: the images are resampled, and the matching stays that of all images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from darkroom.measure.bootstrap import Interval, intervals
from darkroom.measure.proportion import wilson
from darkroom.nets.neighbors import classified

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
RESAMPLES = 1000
FEW = "needs labeled images of two classes"


def agreement(clusters: Labels, labels: Labels, *, generator: np.random.Generator) -> dict[str, Interval]:
    """Return `nmi`, `ari` and `hungarian` of clusters (N,), -1 for none, and labels (N,), with 95 % intervals."""
    known = len(np.unique(labels))
    if known < 2:
        return {name: {"value": None, "reason": FEW} for name in ("nmi", "ari", "hungarian")}
    _, columns = np.unique(labels, return_inverse=True)
    rows = clusters + 1
    shape = (int(rows.max()) + 1, known)
    cells = np.zeros((len(rows), shape[0] * shape[1]))
    cells[np.arange(len(rows)), rows * known + columns] = 1

    def statistic(weights: Floats) -> Mapping[str, Floats]:
        tables = (weights @ cells).reshape(-1, *shape)
        return {"nmi": _nmi(tables), "ari": _ari(tables)}

    table = cells.sum(0).reshape(shape)[1:]
    matched = linear_sum_assignment(-table)
    hits = int(table[matched].sum())
    # resampling repeats images, which inflates the mutual information
    found = intervals(statistic, len(rows), resamples=RESAMPLES, generator=generator, biased=("nmi",))
    return {**found, "hungarian": wilson(hits, len(rows), reason=FEW)}


def knn_accuracy(features: NDArray[np.float32], labels: Labels, splits: NDArray[np.object_]) -> dict[str, object]:
    """Return the accuracy with which the labels of the nearest images, by cosine, predict an image's label.

    Labeled training images vote on labeled test images; without those, every labeled image is predicted from the others.
    `on` says which: `test` or `leave-one-out`.
    """
    known = labels >= 0
    bank, asked = np.flatnonzero(known & (splits == "train")), np.flatnonzero(known & (splits == "test"))
    on = "test"
    if not len(bank) or not len(asked):
        on, bank, asked = "leave-one-out", np.flatnonzero(known), np.flatnonzero(known)
    if len(np.unique(labels[bank])) < 2:
        return {"on": on, "images": 0, "value": None, "reason": FEW}
    queries = torch.from_numpy(features[asked]) if on == "test" else None
    known_labels = torch.from_numpy(labels[bank])
    answers = classified(torch.from_numpy(features[bank]), known_labels, queries, classes=int(labels.max()) + 1)
    hits = int((answers.numpy() == labels[asked]).sum())
    return {"on": on, "images": len(asked), **wilson(hits, len(asked), reason=FEW)}


def _nmi(tables: Floats) -> Floats:
    """Return the normalized mutual information of contingency tables (R, K, C)."""
    total = tables.sum((1, 2))
    joint, rows, columns = tables / total[:, None, None], tables.sum(2) / total[:, None], tables.sum(1) / total[:, None]
    both = _entropy(rows) + _entropy(columns)
    mutual = both - _entropy(joint.reshape(len(tables), -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both > 0, 2 * mutual / both, 1.0)


def _entropy(shares: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = -np.where(shares > 0, shares * np.log(shares), 0.0).sum(1)
    return found


def _ari(tables: Floats) -> Floats:
    """Return the adjusted Rand index of contingency tables (R, K, C)."""
    together, rows, columns = (
        _pairs(counts) for counts in (tables.reshape(len(tables), -1), tables.sum(2), tables.sum(1))
    )
    every = _pairs(tables.sum((1, 2))[:, None])
    expected = rows * columns / np.maximum(every, 1)
    highest = (rows + columns) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(highest > expected, (together - expected) / (highest - expected), 1.0)


def _pairs(counts: Floats) -> Floats:
    found: Floats = (counts * (counts - 1) / 2).sum(1)
    return found
