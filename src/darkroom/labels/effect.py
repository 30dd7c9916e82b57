"""The job `labels effect`: measure whether corrected labels help, by training the judges' network with and without them.

Per seed, the network is trained twice on the training images, once with their labels as given and once as corrected, and
predicts the test images. Images that the corrections drop are in neither training. predictions.parquet has one row per test image
with a label: id, `given` and `corrected` label, and the predictions `before_SEED` and `after_SEED`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.classify import config as classify
from darkroom.classify.train import train
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.fit.model import predict
from darkroom.labels.config import EffectSpec
from darkroom.log import Log
from darkroom.nets import pretrained

PREDICTIONS = "predictions.parquet"


def run(spec: EffectSpec, *, data: Path, weights: Path | None = None, out: Path, log: Log) -> None:
    """Train and predict on the prepared store `data`, whose labels were corrected.

    Raises ValueError if the test split has no labeled image, or there is nothing to learn from the training images.
    """
    spec, after = pretrained.localized(spec, weights), open_store(data)
    given = after.items["given_label"].to_numpy(dtype=np.int64)
    before = replace(after, items=after.items.assign(label=given))
    test = needed(after, "test")
    table = pd.DataFrame({"id": after.items["id"].iloc[test], "given": given[test], "corrected": after.labels[test]})
    for seed in range(spec.seed, spec.seed + spec.seeds):
        for name, store in (("before", before), ("after", after)):
            table[f"{name}_{seed}"] = _predicted(spec, store, test, seed, log)
    with files.folder(out) as fresh:
        table.to_parquet(fresh / PREDICTIONS, index=False)


def _predicted(spec: EffectSpec, store: Store, test: np.ndarray, seed: int, log: Log) -> np.ndarray:
    """Train on a store's labels and return the predicted classes of its test images."""
    plain = classify.TrainSpec(network=spec.network, transfer=spec.transfer, training=spec.training, seed=seed)
    network, _ = train(plain, store, labeled(store, "train"), held_out=np.empty(0, np.int64), log=log)
    found: np.ndarray = predict(network.eval(), store.samples, test).argmax(1)
    return found
