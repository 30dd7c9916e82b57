"""The job `classify share`: train a classifier on a share of the training images, and test it.

Shares of one seed are nested, and stratified by class. The number of optimizer steps stays that of all images, so that the
curve shows what images bring, not what steps bring: a smaller share is trained for more epochs.

predictions.parquet   id and output_k of every test image
share.json            training and test images, epochs, scores, link
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.augment.copies import opened
from darkroom.classify.train import link, train
from darkroom.classify.tuning.config import ShareSpec
from darkroom.classify.tuning.rate import read as read_rate
from darkroom.classify.tuning.rate import with_rate
from darkroom.classify.tuning.scores import scores
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.fit.config import Training
from darkroom.fit.model import predict
from darkroom.log import Log
from darkroom.measure.learning_curve import Rows, nested_order
from darkroom.nets import pretrained
from darkroom.randomness import derive


def run(
    spec: ShareSpec,
    *,
    data: Path,
    copies: Path | None = None,
    features: Path | None = None,
    weights: Path | None = None,
    rate: Path | None = None,
    out: Path,
    checkpoints: Path | None = None,
    log: Log,
) -> None:
    """Train on a share of the train split of `data`; other inputs are those of `classify train`.

    Raises ValueError if there is nothing to learn from so few images.
    """
    spec, store = pretrained.localized(spec, weights), open_store(data)
    if rate is not None:
        spec = with_rate(spec, read_rate(rate))
    rows, test = labeled(store, "train"), needed(store, "test")
    some = share(store, rows, spec.share, seed=spec.seed)
    if spec.semi is None:  # with it, an epoch's length hardly depends on the number of labels
        spec = spec.model_copy(update={"training": as_long(spec.training, whole=len(rows), part=len(some))})
    network, _ = train(
        spec,
        store,
        some,
        held_out=labeled(store, "val"),
        copies=opened(copies, store, some) if copies else None,
        features=features,
        checkpoints=checkpoints,
        log=log,
    )
    outputs = predict(network, store.samples, test, batch_size=32 if spec.transfer else 256)
    found = scores(store.target, outputs, store.targets[test], link(spec))
    about = {"trained": len(some), "test": len(test), "epochs": spec.training.epochs, "scores": found}
    with files.folder(out) as fresh:
        columns = {f"output_{k}": outputs[:, k] for k in range(outputs.shape[1])}
        table = pd.DataFrame({"id": store.items["id"].to_numpy()[test], **columns})
        table.to_parquet(fresh / "predictions.parquet", index=False)
        files.write_json(fresh / "share.json", {**about, "link": link(spec)})
    log({f"share/{name}": value for name, value in found.items()})


def share(store: Store, rows: Rows, part: float, *, seed: int) -> Rows:
    """Return a share of rows, ascending; a larger share of the same seed contains a smaller one."""
    items = store.items.iloc[rows]
    labels = store.labels[rows] if store.target.kind == "class" else np.zeros(len(rows), np.int64)
    order = nested_order(labels, items["group"].to_numpy(dtype=np.int64), seed=derive(seed, "share"))
    chosen: Rows = np.sort(rows[order[: round(part * len(rows))]])
    if len(chosen) < 2:
        raise ValueError(
            f"classify.learning_curve: the share {part:g} of {len(rows)} training images is {len(chosen)}; raise it"
        )
    return chosen


def as_long(training: Training, *, whole: int, part: int) -> Training:
    """Return settings with which `part` images train for as many steps as `whole` images with these."""
    steps = training.epochs * -(-whole // training.batch_size)
    epochs = max(1, round(steps / -(-part // training.batch_size)))
    patience = training.patience and round(training.patience * epochs / training.epochs)
    return training.model_copy(update={"epochs": epochs, "patience": patience})
