"""The digits with four labels per class."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.store import describe_store, open_store

Few = Callable[..., Path]


@pytest.fixture
def few(digits: Path, tmp_path: Path) -> Few:
    """Return a store of digits that keeps `count` labels per class in training, and hides others, which `shown` may change."""

    def make(
        name: str = "few", count: int = 4, shown: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None
    ) -> Path:
        store, folder = open_store(digits), tmp_path / name
        labels, hidden = store.labels.copy(), np.full(len(store.labels), -1)
        for label in range(10):
            rows = [row for row in store.rows("train") if labels[row] == label][count:]
            labels[rows], hidden[rows] = -1, label
        with files.folder(folder) as fresh:
            for copied in ("samples.npy", "preparation.json"):
                shutil.copyfile(digits / copied, fresh / copied)
            items = store.items.assign(label=labels)
            if shown is not None:
                items = items.assign(hidden_label=shown(hidden))
            describe_store(fresh, name="digits", classes=store.classes, items=items)
        return folder

    return make
