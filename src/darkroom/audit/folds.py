"""Cross-validation folds of an audit: groups stay together, and every fold has the same class proportions."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from darkroom.audit.config import Judged
from darkroom.data import split
from darkroom.data.store import Store, needed

HELD_OUT = "held_out.json"


def folds(store: Store, spec: Judged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labeled rows of the train split and the fold of each. Raises ValueError if there are none."""
    rows = needed(store, "train")
    items = store.items.iloc[rows]
    numbers = split.folds(
        items["id"].tolist(),
        store.strata(rows),
        items["group"].to_numpy(dtype=np.int64),
        count=spec.folds,
        seed=spec.seed,
    )
    return rows, np.asarray(numbers, dtype=np.int64)


def fingerprint(store: Store, rows: NDArray[np.int64]) -> dict[str, object]:
    """Return an order-independent fingerprint of a fold's images, stored with the classifier that holds them out."""
    ids = sorted(store.items["id"].iloc[rows])
    return {"images": len(ids), "sha256": hashlib.sha256("\0".join(ids).encode()).hexdigest()}
