"""Features of a pretrained network that does not change: computed on all cores, written to disk, read in blocks.

features.npy    (M, D) float32
items.parquet   one row each: `row` of the image in the store, `id`, `split`, and `view`, 0 for the image itself

The training split comes first, view by view, so that a head is fitted to one contiguous part of the array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files
from darkroom.augment.remedies import class_weights
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.data import split
from darkroom.data.store import Store, release
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import applied

VALUES, ITEMS = "features.npy", "items.parquet"
BATCH = 32
"""Images per forward pass: more at once would leave the processor's caches."""
FOLDS = 5
"""Parts of the training images, by which heads choose what they cannot estimate."""

Rows = NDArray[np.int64]
Load = Callable[[int, Rows, int], Tensor]
"""Maps a view, rows of a store and the batch's number to images (B, C, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Features:
    """Features (M, D) and what each is of."""

    values: NDArray[np.float32]
    items: pd.DataFrame

    def of(self, rows: Rows) -> NDArray[np.float32]:
        """Return the features (N, D) of images themselves, by their rows in the store. Raises KeyError for others."""
        plain = self.items[self.items["view"] == 0]
        places = pd.Index(plain["row"]).get_indexer(pd.Index(rows))
        if (places < 0).any():
            raise KeyError(f"no features of rows {rows[places < 0].tolist()}")
        found: NDArray[np.float32] = self.values[plain.index.to_numpy()[places]]
        return found

    def examples(self, store: Store, rows: Rows, *, balanced: bool, seed: int) -> Examples:
        """Return all views of these rows of a store, to fit a head to. Groups and the views of an image share a fold.

        With `balanced`, rare classes weigh as much as common ones.
        """
        chosen = np.flatnonzero(self.items["row"].isin(rows))
        whole = len(chosen) and chosen[-1] - chosen[0] + 1 == len(chosen)
        values = self.values[chosen[0] : chosen[-1] + 1] if whole else self.values[chosen]
        shown = self.items["row"].to_numpy(dtype=np.int64)[chosen]
        items, targets = store.items.iloc[rows], torch.tensor(store.targets)
        groups = items["group"].to_numpy(dtype=np.int64)
        count = min(FOLDS, len(np.unique(groups)))
        parts = split.folds(items["id"].tolist(), store.strata(rows), groups, count=count, seed=seed)
        fold = parts[pd.Index(rows).get_indexer(pd.Index(shown))]
        own, outputs = targets[shown], len(store.target.names)
        weights = torch.ones(len(own))
        if balanced:
            weights = class_weights(torch.bincount(targets[rows], minlength=outputs).float())[own]
        return Examples(values, own, weights, torch.from_numpy(fold), outputs)


def open_features(folder: Path) -> Features:
    """Open the features in a stage's folder; they stay on disk until used."""
    files.read_manifest(folder)
    values = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
    return Features(values, pd.read_parquet(folder / ITEMS))


def compute(network: Any, store: Store, rows: Rows) -> Features:
    """Return the features of these rows of a store, in memory."""
    values = np.empty((len(rows), network.backbone.features_size), np.float32)
    extract(network, lambda view, some, index: as_tensor(store.samples[some]), [(0, rows)], values)
    return Features(values, pd.DataFrame({"row": rows, "view": 0}))


def extract(
    network: Any, load: Load, views: Sequence[tuple[int, Rows]], values: NDArray[np.float32], *, workers: int = 1
) -> None:
    """Write the features of these views of rows, in order, into `values` (M, D), on a GPU if there is one.

    On a processor each of `workers` threads takes a batch at a time; the values do not depend on their number.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device=device, memory_format=torch.channels_last).eval()
    parts = [(view, index, some) for view, rows in views for index, some in _batches(rows)]

    def features(part: tuple[int, int, Rows]) -> Tensor:
        view, index, some = part
        found: Tensor = network.features(load(view, some, index).to(device))
        return found

    start = 0
    for found in applied(features, parts, workers=workers):
        values[start : start + len(found)] = found
        start += len(found)
        release(values)
    network.cpu()


def _batches(rows: Rows) -> Iterator[tuple[int, Rows]]:
    return ((index, rows[start : start + BATCH]) for index, start in enumerate(range(0, len(rows), BATCH)))
