"""The data card's numbers and warnings about several labels or numbers per image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.store import SPLITS
from darkroom.data.target import Target
from darkroom.data.words import listed, shown

Values = NDArray[np.float32]


def described(target: Target, table: pd.DataFrame) -> dict[str, Any]:
    """Return the card's entries on the target: `counts` of images with each label by split, or `numbers` by split.

    `labeled` holds the images of each split that have a target.
    """
    values = table[target.columns].to_numpy(np.float32)
    known = ~np.isnan(values).any(axis=1)
    inside = {part: known & (table["split"] == part).to_numpy() for part in SPLITS}
    found: dict[str, Any] = {"labeled": {part: int(rows.sum()) for part, rows in inside.items()}, **target.saved()}
    if target.kind == "labels":
        counts = {part: (values[rows] == 1).sum(0) for part, rows in inside.items()}
        found["counts"] = {name: {part: int(counts[part][k]) for part in SPLITS} for k, name in enumerate(target.names)}
    else:
        found["numbers"] = {
            name: {part: _spread(values[rows, k]) for part, rows in inside.items()}
            for k, name in enumerate(target.names)
        }
    return {**found, "unlabeled": int((~known).sum())}


def _spread(values: Values) -> dict[str, float] | None:
    """Return mean, standard deviation, minimum, median and maximum; None without values."""
    if not len(values):
        return None
    found = values.astype(np.float64)
    spread = (found.mean(), found.std(), found.min(), np.median(found), found.max())
    return dict(zip(("mean", "std", "min", "median", "max"), map(float, spread), strict=True))


def warnings(card: dict[str, Any]) -> list[str]:
    """Return what is odd about the target that `described` describes."""
    if "numbers" in card:
        trained = {name: parts["train"] for name, parts in card["numbers"].items() if parts["train"]}
        return [
            f"{shown(name)} is {values['min']:g} in all training images"
            for name, values in trained.items()
            if values["min"] == values["max"]
        ]
    counts, labeled = card["counts"], card["labeled"]
    used = {name: parts for name, parts in counts.items() if sum(parts.values())}
    odd = {
        "labels that no image has": [name for name in counts if name not in used],
        "labels that every image has": [name for name, parts in counts.items() if parts == labeled],
    }
    odd |= {
        f"labels without an image in {part}": [name for name, parts in used.items() if not parts[part]]
        for part in SPLITS
        if labeled[part]
    }
    return [f"{words}: {listed(names)}" for words, names in odd.items() if names]
