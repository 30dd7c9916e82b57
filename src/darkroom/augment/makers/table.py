"""Make copies of the rows of a table: synthetic ones between rows of a class, or changed ones."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import POLICY, Planned
from darkroom.augment.rows.smote import ADASYN, Synthesizer, UnsuitedError
from darkroom.augment.rows.training import Floats, Training, training
from darkroom.augment.strength import scaled
from darkroom.data.store import new_array
from darkroom.data.tabular.incoming import read_columns
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import quoted

BLOCK = 1024
"""Rows whose distances are in memory at a time."""


@register("copy maker", "table")
class TableCopies:
    """Copies of rows, made class by class from all training rows; the parent of a synthetic row is the nearest of its class."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy`, and the spec, to make them anew from some of the rows; return their table.

        Raises ValueError if the policy cannot make rows of such a table.
        """
        first = registry.build(spec.offline[0])
        if isinstance(first, Synthesizer) and (problem := first.misfit(read_columns(data))):
            raise ValueError(f"the policy's {spec.offline[0].name} {problem}")  # type: ignore[attr-defined]
        table, samples = self.again(spec, planned)
        new_array(folder / "samples.npy", samples.shape, np.float32)[:] = samples
        files.write_json(folder / POLICY, spec.model_dump(mode="json"))
        return table

    def again(self, spec: ApplySpec, planned: Planned) -> tuple[pd.DataFrame, NDArray[np.float32]]:
        """Return the copies' table, and the copies (N, D).

        Raises ValueError if the policy cannot make rows of a class. Copies of rows without a class are not changed.
        """
        store, rows = planned.store, planned.rows[planned.store.labels[planned.rows] >= 0]
        if store.values is not None:
            raise ValueError(f"the policy's offline changes rows within classes, but the data has {store.target.kind}")
        given = training(np.asarray(store.samples[rows], np.float32), store.labels[rows], store.shape)
        table, made = planned.table.copy(), given.standard(np.asarray(store.samples[planned.origins], np.float32))
        applied = np.full(len(table), "[]", dtype=object)
        labels, ids = table["label"].to_numpy(np.int64), store.items["id"].to_numpy()
        for label in np.unique(labels).tolist():
            here = np.flatnonzero(labels == label)
            generator = np.random.default_rng(derive(spec.seed, "rows", label))
            done: list[dict[str, Any]] = []
            for step in spec.offline if label >= 0 else ():
                changed = scaled(step, planned.settings.strength(label, step.name))  # type: ignore[attr-defined]
                if changed is None:
                    continue
                transform = registry.build(changed)
                done.append({"name": step.name})  # type: ignore[attr-defined]
                if isinstance(transform, Synthesizer):
                    try:
                        made[here] = transform.make(given, label, len(here), generator)
                    except UnsuitedError as error:
                        where = f"the policy's {step.name} {error} (class {quoted(store.classes[label])})"  # type: ignore[attr-defined]
                        raise ValueError(where) from None
                    if isinstance(transform, ADASYN) and transform.refused:
                        done[-1]["otherwise"] = transform.otherwise
                        _say(store.classes[label], transform.otherwise)
                    table.loc[here, "parent"] = ids[rows[nearest(given, made[here], label)]]
                else:
                    made[here] = transform.change(given, made[here], labels[here], generator)
            applied[here] = json.dumps(done, separators=(",", ":"))
        return _numbered(table.assign(transforms=applied), store.items), given.stored(made)


def _say(label: str, otherwise: str) -> None:
    print(
        f"adasyn cannot make rows of the class {label}, of which no row has a neighbor of another class; {otherwise} does, "
        "as the policy says",
        file=sys.stderr,
    )


def nearest(given: Training, rows: Floats, label: int) -> NDArray[np.int64]:
    """Return the index of the training row of a class nearest to each of these rows (M, D); other codes are 1 apart."""
    own = np.flatnonzero(given.labels == label)
    found = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        distance = np.zeros((len(block), len(own)))
        for column, size in enumerate(given.sizes):
            gap = block[:, column][:, None] - given.rows[own, column]
            distance += (gap != 0) if size else gap**2
        found[start : start + BLOCK] = own[distance.argmin(1)]
    return found


def _numbered(table: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Number the copies of each parent, and give them its group."""
    times: Counter[str] = Counter()
    copies = []
    for parent in table["parent"]:
        copies.append(times[parent])
        times[parent] += 1
    groups = items.set_index("id")["group"].loc[table["parent"]].to_numpy()
    ids = [f"{parent}#{copy}" for parent, copy in zip(table["parent"], copies, strict=True)]
    return table.assign(id=ids, copy=copies, group=groups)
