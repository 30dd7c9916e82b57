"""The job `pretrain baselines`: the k-NN accuracy of features that need no pretraining, on the same images.

These are the principal components of the pixels and, if its weights are installed, an ImageNet network.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from darkroom import files
from darkroom.data.components import pixel_components
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.model import predict
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.nets.backbone import Backbone
from darkroom.pretrain.config import BaselinesSpec
from darkroom.pretrain.neighbors import Features, Measured, accuracy, predictions

COMPONENTS = 64
"""Maximum number of principal components."""
SIDES = 128, 224
"""Longer sides in pixels that images are resized to for an ImageNet network: the first if they are no larger, else the second."""


def run(spec: BaselinesSpec, *, data: Path, out: Path, log: Log, workers: int = 1) -> None:
    """Measure the baselines on the prepared store `data`; the bytes do not depend on `workers`, the number of threads."""
    torch.set_num_threads(1)
    store = open_store(data)
    needed(store, "train", labels=False)
    measured = Measured.of(store)
    methods: dict[str, Features] = {"pca": _components(store, measured)} if len(measured.val) else {}
    if methods and spec.backbone is not None:
        methods["imagenet"] = _imagenet(store, workers)
    found = {
        name: predictions(store, measured, features(measured.train), features(measured.val))
        for name, features in methods.items()
    }
    knn = {name: accuracy(store, measured, labels) for name, labels in found.items()}
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", {"knn": knn})
        items = store.items.iloc[measured.val]
        table = {"id": items["id"].to_numpy(), "label": items["label"].to_numpy(), **found}
        pd.DataFrame(table).to_parquet(fresh / "neighbors.parquet", index=False)
    log({f"knn_accuracy/{name}": float(share["value"]) for name, share in knn.items()})


def _components(store: Store, measured: Measured) -> Features:
    """Return the principal components of pixels, fitted to the measured training images."""
    project = pixel_components(store, measured.train, COMPONENTS)
    return lambda rows: torch.from_numpy(project(rows))


def _imagenet(store: Store, workers: int) -> Features:
    """Return the features of the packaged network."""
    side = SIDES[max(store.shape[1:]) > SIDES[0]]
    network = Backbone(pretrained.DEFAULT, side=side)
    return lambda rows: torch.from_numpy(predict(network.features, store.samples, rows, batch_size=64, workers=workers))
