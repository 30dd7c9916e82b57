"""Which copies a policy makes of which training samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.augment.classes import PerClass, class_counts, resolve
from darkroom.augment.config import ApplySpec, makes_rows
from darkroom.data.kind import PLURAL
from darkroom.data.store import Store, open_store
from darkroom.settings import Section

POLICY = "policy.json"
"""The spec of copies that draw on many samples, beside them."""


@dataclass(frozen=True)
class Planned:
    """The copies to make of a store's training samples."""

    store: Store
    settings: PerClass
    table: pd.DataFrame
    """The items table of the copies, not yet with their transforms."""
    origins: NDArray[np.int64]
    """The row of the store that each copy is made from."""
    rows: NDArray[np.int64]
    """All training samples."""


Copier = Callable[[NDArray[Any], Sequence[str], int], NDArray[Any]]
"""Makes the copies with one number of some samples (N, ...), given their ids; both as the store holds them."""


class CopyMaker(Protocol):
    """A plug-in of kind `copy maker`, named like the kind of samples that it makes copies of."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy` in `folder`, and masks if there are any; `data` is the store's folder.

        Returns the copies' table, with what was applied to each as JSON in the column `transforms`. The bytes do not depend on
        `workers`, the number of processes.
        """

    def copier(self, transforms: Sequence[Section], store: Store, *, data: Path, seed: int) -> Copier:
        """Return what makes the copies that `make` would, of samples of the store in `data`; for transforms of one sample."""


def plan(spec: ApplySpec, store: Store, rows: NDArray[np.int64] | None = None) -> Planned:
    """Plan the copies: all first copies come first, in the order of the samples, then all second ones.

    The training samples are those of the train split, or these `rows`. Raises ValueError if there is none, or none gets a
    copy.
    """
    rows, what = store.rows("train") if rows is None else rows, PLURAL[store.kind]
    if not len(rows):
        raise ValueError(f"{store.name} has no training {what} to augment; see data.split in the config")
    settings = per_class(spec, store, rows)
    number = settings.numbers(store.labels[rows])
    if not number.any():
        raise ValueError(f"none of the training {what} of {store.name} gets a copy; raise the policy's copies")
    return Planned(store, settings, *_table(store, rows, number), rows)


def opened(folder: Path, store: Store, rows: NDArray[np.int64]) -> Store:
    """Open a policy's copies to train on these rows of the store they were made from, which may be a part of a fold.

    Copies that each come from one sample are as they are; training leaves out those of other parents. Copies that draw on
    many samples are made anew from these rows alone, so that none carries anything of a row that is held out.
    """
    if not (folder / POLICY).exists():
        return open_store(folder)
    spec = ApplySpec.model_validate(files.read_json(folder / POLICY))
    maker: CopyMaker = registry.build(spec.maker)
    table, samples = maker.again(spec, plan(spec, store, rows))  # type: ignore[attr-defined]
    return Store(store.name, store.classes, samples, table, None, store.values, store.kind, store.sizes)


def per_class(spec: ApplySpec, store: Store, rows: NDArray[np.int64] | None = None) -> PerClass:
    """Resolve the policy's settings for each class of a store from its training samples, or these `rows`."""
    counts = class_counts(store.labels[store.rows("train") if rows is None else rows], len(store.classes))
    return resolve(
        copies=spec.copies,
        own=spec.classes,
        balance=spec.balance,
        classes=store.classes,
        counts=counts,
        whole=not makes_rows(spec.offline),
    )


def _table(store: Store, rows: NDArray[np.int64], number: NDArray[np.int64]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return the items table of the copies, not yet with their transforms, and the row that each copy is made from.

    `number` (n,) holds the number of copies of each row. All first copies come first, then all second ones.
    """
    copies = np.concatenate([np.full((number > copy).sum(), copy) for copy in range(int(number.max()))])
    origins = np.concatenate([rows[number > copy] for copy in range(int(number.max()))])
    parents = store.items.iloc[origins].reset_index(drop=True)
    masked = (parents["mask"] >= 0).to_numpy()
    table = pd.DataFrame(
        {
            "id": [f"{parent}#{copy}" for parent, copy in zip(parents["id"], copies, strict=True)],
            "label": parents["label"],
            "split": "train",
            "group": parents["group"],
            "mask": np.where(masked, np.cumsum(masked) - 1, -1),
            "parent": parents["id"],
            "copy": copies,
            **parents[store.target.columns],
        }
    )
    return table, origins
