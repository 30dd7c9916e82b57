"""Folds of the images outside the test split: stratified, groups whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data import split
from darkroom.data.store import Store, labeled

Rows = NDArray[np.int64]
INNER = 10
"""One of this many parts of a fold's training images is watched during trainings."""


def pool(store: Store) -> Rows:
    """Return the rows of the train and val splits that have a target, ascending."""
    return np.sort(np.concatenate([labeled(store, "train"), labeled(store, "val")]))


def folds(store: Store, rows: Rows, *, count: int, seed: int) -> Rows:
    """Return the fold of each row. Raises ValueError if a class has images of fewer groups than there are folds."""
    groups = store.items["group"].to_numpy(dtype=np.int64)[rows]
    named = {}
    if store.target.kind == "class":
        labels = store.labels[rows]
        named = {store.classes[label]: groups[labels == label] for label in np.unique(labels).tolist()}
    for name, members in (named or {"": groups}).items():
        known = len(np.unique(members))
        if known < count:
            of = f" of class {settings.quoted(name)}" if named else ""
            cure = f"lower it to {known}" if known > 1 else "add images, or remove it"
            raise ValueError(
                f"classify.cross_validate is {count}, but outside the test split there are only {known} images{of} that "
                f"are no copies of one another; {cure}"
            )
    return parts(store, rows, count=count, seed=seed)


def divided(store: Store, *, count: int, fold: int, seed: int) -> tuple[Rows, Rows]:
    """Return the rows to train on and those of the fold that is held out; raises what `folds` does."""
    rows = pool(store)
    found = folds(store, rows, count=count, seed=seed)
    return rows[found != fold], rows[found == fold]


def watched(store: Store, rows: Rows, *, seed: int) -> tuple[Rows, Rows]:
    """Divide training rows into those to train on and those to watch.

    Watching the held-out fold instead would choose the epoch by the images that measure it.
    """
    part = parts(store, rows, count=INNER, seed=seed)
    return rows[part > 0], rows[part == 0]


def parts(store: Store, rows: Rows, *, count: int, seed: int) -> Rows:
    """Return the part of each row, 0 to count - 1; some may have no image of a rare class."""
    items = store.items.iloc[rows]
    groups = items["group"].to_numpy(dtype=np.int64)
    found: Rows = split.folds(items["id"].tolist(), store.strata(rows), groups, count=count, seed=seed)
    return found
