"""How a classifier does on each group of the source: a patient, a camera, a speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.store import GROUP_NAME, Store
from darkroom.measure.proportion import wilson

CONFUSIONS = 3
"""Confusions listed per group."""


def by_group(
    store: Store, rows: NDArray[np.int64], predicted: NDArray[np.int64], labels: NDArray[np.int64]
) -> dict[str, Any]:
    """Return accuracy, items and the most frequent confusions of each named group among these rows, by name.

    Empty if the store names no groups, or the rows are of a single one.
    """
    if GROUP_NAME not in store.items:
        return {}
    names = store.items[GROUP_NAME].to_numpy()[rows]
    known = sorted({name for name in names if isinstance(name, str)})
    if len(known) < 2:
        return {}
    found = {}
    for name in known:
        own = names == name
        right, count = int((predicted[own] == labels[own]).sum()), int(own.sum())
        found[name] = {
            "accuracy": wilson(right, count, reason=""),
            "items": count,
            "confusions": _confusions(labels[own].tolist(), predicted[own].tolist(), store.classes),
        }
    return found


def _confusions(labels: Sequence[int], predicted: Sequence[int], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the most frequent pairs of true and predicted class that differ."""
    pairs = Counter((true, seen) for true, seen in zip(labels, predicted, strict=True) if true != seen)
    order = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:CONFUSIONS]
    return [{"true": classes[true], "predicted": classes[seen], "items": count} for (true, seen), count in order]
