"""Small stores for these tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.data.store import describe_store


def make_store(root: Path, *, count: int = 12, shape=(20, 24, 1), masked: int = 0, split=None) -> Path:
    """A store of blurred random images, two thirds of them for training; the first `masked` rows have a mask."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (count, *shape), np.uint8)
    items = pd.DataFrame(
        {
            "id": [f"item/{n} ä" for n in range(count)],
            "label": np.arange(count) % 3,
            "split": split or [("train", "train", "test")[n % 3] for n in range(count)],
            "group": [f"g{n // 2}" for n in range(count)],
            "mask": [n if n < masked else -1 for n in range(count)],
            "origin": "made",
            "sha256": "",
        }
    )
    with files.folder(root) as fresh:
        np.save(fresh / "samples.npy", images)
        if masked:
            np.save(fresh / "masks.npy", np.where(images[:masked, :, :, 0] > 128, 255, 0).astype(np.uint8))
        describe_store(fresh, name="made", classes=("a", "b", "c"), items=items)
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store without masks."""
    return make_store(tmp_path / "data")


@pytest.fixture
def make():
    """Makes a store with other properties, see `make_store`."""
    return make_store
