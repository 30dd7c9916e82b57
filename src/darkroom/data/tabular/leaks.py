"""Columns of a table that should not be there: one that alone predicts the class, and ids.

These are warnings: a column may be an honest, perfect predictor, and only people know whether it is known in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom.data.tabular.columns import Column
from darkroom.data.words import listed

ALONE = 0.99
"""Minimum balanced accuracy on held-out rows of a column that predicts the class alone."""
FEWEST = 5
"""Minimum number of held-out rows per class; with fewer, chance could explain a perfect column."""
LEAVES = 4
"""Leaves of the tree on a single column, per class."""
WORTH = 0.9
"""Minimum mean purity of a column's intervals to grow a tree: that takes milliseconds, and tables have 10,000 columns."""
INTERVAL = 20
"""Rows per interval, so that few rows are not pure by chance."""
COUNTING = 0.999
"""Minimum correlation of an id with the order of the rows."""


def warnings(
    rows: NDArray[np.float32],
    columns: Sequence[Column],
    labels: NDArray[np.int64],
    *,
    train: NDArray[np.bool_],
    numbers: Mapping[str, NDArray[np.float64]],
) -> list[str]:
    """Return the warnings about columns of rows (N, D) with labels (N,), -1 for none, some of them (N,) for training.

    `numbers` holds each column of numbers, in the order and precision of the file, and equal rows once.
    """
    alone = [f"{name} ({score:.3f})" for name, score in predicting(rows, columns, labels, train)]
    counting = [name for name, values in numbers.items() if is_id(values)]
    found = []
    if alone:
        found.append(
            f"columns that alone predict the class, with their balanced accuracy on held-out rows: {len(alone)}: "
            f"{listed(alone)}; if they are known only afterwards, leave them out with data.source.columns.NAME: drop"
        )
    if counting:
        found.append(
            f"columns that look like ids, a different number in every row: {len(counting)}: {listed(counting)}; leave them "
            "out with data.source.columns.NAME: drop"
        )
    return found


def predicting(
    rows: NDArray[np.float32], columns: Sequence[Column], labels: NDArray[np.int64], train: NDArray[np.bool_]
) -> list[tuple[str, float]]:
    """Return the columns on which a small tree predicts the class of held-out rows, with its balanced accuracy."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.tree import DecisionTreeClassifier

    given, held_out = train & (labels >= 0), ~train & (labels >= 0)
    classes, counts = np.unique(labels[held_out], return_counts=True)
    if len(np.unique(labels[given])) < 2 or len(classes) < 2 or counts.min() < FEWEST:
        return []
    found = []
    for column, values in zip(columns, rows.T, strict=True):
        if column.kind != "category" and _purity(values[given], labels[given]) < WORTH:
            continue
        tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES * len(classes), class_weight="balanced", random_state=0)
        if column.kind == "category":  # ordered by their mean label
            values = _by_class(values, labels, given)
        cells = values[:, None]
        score = balanced_accuracy_score(
            labels[held_out], tree.fit(cells[given], labels[given]).predict(cells[held_out])
        )
        if score >= ALONE:
            found.append((column.name, float(score)))
    return found


def is_id(values: NDArray[np.float64]) -> bool:
    """Return whether the numbers (N,) of a column are whole, all different, and rise or fall with their place."""
    if len(values) < 3 or not np.isfinite(values).all() or (values != np.rint(values)).any():
        return False
    distinct = len(np.unique(values)) == len(values)
    return distinct and abs(float(np.corrcoef(np.arange(len(values)), values)[0, 1])) > COUNTING


def _purity(values: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the share of the largest class in intervals of about `INTERVAL` rows, averaged over classes."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    one_hot = np.eye(len(counts))[codes[np.argsort(values, kind="stable")]] / counts  # (N, K)
    starts = np.unique(np.linspace(0, len(values), max(2, len(values) // INTERVAL), endpoint=False).astype(np.int64))
    return float(np.add.reduceat(one_hot, starts).max(1).sum() / len(counts))


def _by_class(values: NDArray[np.float32], labels: NDArray[np.int64], given: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return category codes ordered by the mean label of their training rows; missing and unseen ones stay apart."""
    codes = np.where(np.isnan(values), -1, values).astype(np.int64) + 1
    count = np.bincount(codes[given], minlength=codes.max() + 1)
    total = np.bincount(codes[given], labels[given], minlength=codes.max() + 1)
    mean = np.divide(total, count, out=np.full(len(total), -1.0), where=count > 0)
    ordered: NDArray[np.float32] = mean[codes].astype(np.float32)
    return ordered
