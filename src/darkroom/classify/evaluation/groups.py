"""How a model does on each group of the source: a patient, a camera, a speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.evaluation.outputs import Outputs
from darkroom.data.store import GROUP_NAME, Store
from darkroom.measure.bootstrap import intervals, without_flat
from darkroom.measure.proportion import wilson
from darkroom.randomness import derive

Floats = NDArray[np.float64]
CONFUSIONS = 3
"""Confusions listed per group."""


def named(store: Store, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Return which of these rows (N,) are of each named group; empty without names, or with a single one."""
    if GROUP_NAME not in store.items:
        return {}
    names = store.items[GROUP_NAME].to_numpy()[rows]
    known = sorted({name for name in names if isinstance(name, str)})
    return {name: names == name for name in known} if len(known) > 1 else {}


def measured(
    outputs: Outputs, statistic: Callable[[NDArray[np.bool_]], Callable[[Floats], Mapping[str, Floats]]]
) -> dict[str, Any]:
    """Return a statistic of the test images of each group, with bootstrap intervals, and its `items`, by the group's name.

    `statistic` makes one of those images that are True in its argument (N,).
    """
    found: dict[str, Any] = {}
    for name, own in named(outputs.store, outputs.test).items():
        generator = np.random.default_rng(derive(outputs.seed, "bootstrap", name))
        count = int(own.sum())
        scores = intervals(statistic(own), count, resamples=outputs.resamples, generator=generator)
        found[name] = {**without_flat(scores), "items": count}
    return found


def by_group(
    store: Store, rows: NDArray[np.int64], predicted: NDArray[np.int64], labels: NDArray[np.int64]
) -> dict[str, Any]:
    """Return accuracy, items and the most frequent confusions of each named group among these rows, by name.

    Empty if the store names no groups, or the rows are of a single one.
    """
    found = {}
    for name, own in named(store, rows).items():
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
