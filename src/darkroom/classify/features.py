"""The job `classify features`: features of all labeled images, from a pretrained network that no training changes.

One job serves all models and seeds that share backbone, weights, image size and policy. Of every training image it also
takes some views under the policy: its copies by turns, transformed as batches are in training. Transforms that mix images
are left out, because a head is fitted to the targets of single images.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from darkroom import files, registry
from darkroom.augment.classes import class_counts
from darkroom.augment.online import from_policy
from darkroom.classify.config import FeaturesSpec
from darkroom.classify.transfer.frozen import BATCH, ITEMS, VALUES, Load, Rows, extract
from darkroom.data.store import SPLITS, Store, labeled, new_array, open_store, release
from darkroom.fit.batches import as_tensor, training_batches
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.randomness import derive


def run(
    spec: FeaturesSpec,
    *,
    data: Path,
    copies: Path | None = None,
    weights: Path | None = None,
    out: Path,
    log: Log,
    workers: int = 1,
) -> None:
    """Compute the features of the prepared store `data`; the bytes do not depend on `workers`, the number of threads.

    Raises ValueError if there are no labeled training images, or the weights do not fit.
    """
    torch.set_num_threads(1)  # floating-point sums depend on it; all cores are kept busy by `workers`
    store = open_store(data)
    rows = {name: labeled(store, name) for name in SPLITS}
    if not len(rows["train"]):
        raise ValueError(f"{store.name} has no labeled training images to compute features of")
    network = registry.build(pretrained.localized(spec.network, weights), store.shape, len(store.target.names))
    network.load_pretrained()
    shown = [(view, rows["train"]) for view in range(spec.views + 1)] + [(0, rows["val"]), (0, rows["test"])]
    items = pd.concat([_items(store, some, view) for view, some in shown], ignore_index=True)
    load = _loader(spec, store, rows["train"], open_store(copies) if copies else None)
    with files.folder(out) as fresh:
        values = new_array(fresh / VALUES, (len(items), network.backbone.features_size), np.float32)
        started = time.monotonic()
        extract(network, load, shown, values, workers=workers)
        seconds = time.monotonic() - started
        values.flush()  # type: ignore[attr-defined]
        items.to_parquet(fresh / ITEMS, index=False)
        timing = {"seconds": seconds, "images_per_second": len(items) / seconds, "workers": workers}
        files.write_json(fresh / files.TIMING, timing)
    log({"images_per_second": timing["images_per_second"]})


def _items(store: Store, rows: Rows, view: int) -> pd.DataFrame:
    items = store.items.iloc[rows]
    return pd.DataFrame({"row": rows, "id": items["id"], "split": items["split"], "view": view})


def _loader(spec: FeaturesSpec, store: Store, train: Rows, copies: Store | None) -> Load:
    """Return what loads a batch of a view: view 0 are the images themselves."""
    variants = training_batches(store, train, copies, batch_size=BATCH, seed=spec.seed)
    counts = class_counts(store.labels[train], len(store.classes))
    online = from_policy(spec.policy, store.classes, counts, mixing=False)

    def load(view: int, rows: Rows, index: int) -> Tensor:
        if not view:
            images = as_tensor(store.samples[rows])
            release(store.samples)
            return images
        items = np.searchsorted(train, rows)
        others = variants.counts[items] - 1  # the first variant is the image itself
        turn = np.where(others > 0, 1 + (view - 1) % np.maximum(others, 1), 0)
        images = as_tensor(variants.pool.take(variants.rows[variants.firsts[items] + turn]))
        if online is None:
            return images
        generator = torch.Generator().manual_seed(derive(spec.seed, "view", view, index))
        return online(images, torch.from_numpy(store.targets[rows]), generator)[0]

    return load
