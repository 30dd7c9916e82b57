"""The digits with other targets than their class."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.store import describe_store, open_store
from darkroom.data.target import Kind, Target

LABELS = ("even", "loop", "low")
NUMBERS = ("ink", "value")


def told(kind: Kind, digits: NDArray[np.int64], images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the targets (N, K) of digits and their images."""
    if kind == "labels":
        return np.stack([digits % 2 == 0, np.isin(digits, (0, 6, 8, 9)), digits < 5], axis=1).astype(float)
    return np.stack([2000 + images.mean((1, 2, 3), dtype=float), digits / 1000], axis=1)


@pytest.fixture(scope="session")
def targeted(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """Return the store of the digits with three labels, or with two numbers; 20 training images have no target."""
    made: dict[Kind, Path] = {}

    def make(kind: Kind) -> Path:
        if kind not in made:
            store, target = open_store(digits), Target(kind, LABELS if kind == "labels" else NUMBERS)
            values = told(kind, store.labels, np.asarray(store.samples))
            values[store.rows("train")[:20]] = np.nan
            columns = dict(zip(target.columns, values.astype(np.float32).T, strict=True))
            made[kind] = tmp_path_factory.mktemp(kind) / "prepared"
            with files.folder(made[kind]) as fresh:
                for name in ("samples.npy", "preparation.json"):
                    shutil.copyfile(digits / name, fresh / name)
                items = store.items.assign(label=-1, **columns)
                describe_store(fresh, name=kind, classes=(), items=items, target=target)
        return made[kind]

    return make
