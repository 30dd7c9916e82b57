"""Leave out training images on purpose, for experiments with few or unbalanced images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import randomness, settings
from darkroom.data.config import Split
from darkroom.data.store import new_array


def limits(spec: Split, classes: Sequence[str], counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return the maximum number of training images per class, for each of the keys `long_tail` and `keep`.

    `counts` holds the training images per class. Of K classes with training images, in label order, class c keeps
    n / long_tail ** (c / (K - 1)), at least one, where n is the first one's count (Cui et al. 2019, "Class-balanced loss",
    arXiv 1901.05555). Raises ValueError for an unknown class.
    """
    for name in spec.keep:
        if name not in classes:
            raise ValueError(f"data.split.keep: no class {settings.quoted(name)}.{settings.choice(name, classes)}")
    tail: dict[str, int] = {}
    trained = [name for name in classes if counts.get(name, 0)]
    if spec.long_tail is not None:
        for place, name in enumerate(trained):
            share = spec.long_tail ** -(place / max(len(trained) - 1, 1))
            tail[name] = max(1, round(counts[trained[0]] * share))
    return {"long_tail": tail, "keep": dict(spec.keep)}


def choose(spec: Split, classes: Sequence[str], table: pd.DataFrame) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Return which rows of a store's table stay, and how many each key removed: training rows only, by a hash of their id."""
    train = (table["split"] == "train").to_numpy()
    labels = table["label"].to_numpy()
    rows = {name: np.flatnonzero(train & (labels == number)) for number, name in enumerate(classes)}
    ids = table["id"].tolist()
    stays = np.ones(len(table), dtype=bool)
    cut: dict[str, int] = {}
    for key, most in limits(spec, classes, {name: len(members) for name, members in rows.items()}).items():
        before = int(stays.sum())
        for name, limit in most.items():
            members = sorted(rows[name].tolist(), key=lambda row: randomness.derive(spec.seed, "cut", ids[row]))
            stays[members[limit:]] = False
        if most:
            cut[key] = before - int(stays.sum())
    return stays, cut


def remove(root: Path, table: pd.DataFrame, stays: NDArray[np.bool_]) -> pd.DataFrame:
    """Remove the other rows from `samples.npy` and `masks.npy` in `root`; return the table without them."""
    kept = table[stays].reset_index(drop=True)
    if (root / "samples.npy").exists():  # otherwise it is written later, from the table
        keep_rows(root / "samples.npy", np.flatnonzero(stays))
    masked = kept.index[kept["mask"] >= 0]
    if (root / "masks.npy").exists():
        if len(masked):
            keep_rows(root / "masks.npy", kept.loc[masked, "mask"].to_numpy())
        else:
            (root / "masks.npy").unlink()
    kept.loc[masked, "mask"] = np.arange(len(masked))
    return kept


def keep_rows(path: Path, rows: NDArray[np.int64]) -> None:
    """Keep these rows of an array on disk alone."""
    old = np.load(path, mmap_mode="r", allow_pickle=False)
    fresh = new_array(path.with_suffix(".new"), (len(rows), *old.shape[1:]), old.dtype.type)
    for place, row in enumerate(rows.tolist()):
        fresh[place] = old[row]
    fresh.flush()  # type: ignore[attr-defined]
    path.with_suffix(".new").replace(path)
