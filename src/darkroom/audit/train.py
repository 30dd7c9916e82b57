"""The job `audit train`: the classifier that judges one fold, trained on the others without augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.audit.config import TrainSpec
from darkroom.audit.folds import HELD_OUT, folds, told_apart
from darkroom.classify import config as classify
from darkroom.classify.train import train
from darkroom.data.store import open_store
from darkroom.fit.model import save_model
from darkroom.log import Log


def run(spec: TrainSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on all folds but one of the training images of the store at `data`.

    Raises ValueError when the other folds have fewer than two classes, or there is nothing to judge in this one.
    """
    store = open_store(data)
    rows, fold = folds(store, spec)
    if not (fold == spec.fold).any():
        raise ValueError(f"fold {spec.fold} of {spec.folds} has no image; set audit.folds lower")
    plain = classify.TrainSpec(network=spec.network, training=spec.training, seed=spec.seed)
    network, fitted = train(
        plain,
        store,
        rows[fold != spec.fold],
        held_out=np.empty(0, np.int64),  # nothing is chosen by it, and it would cost time
        checkpoints=checkpoints,
        log=log,
    )
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.network, shape=store.shape, classes=store.classes, fitted=fitted)
        files.write_json(fresh / HELD_OUT, told_apart(store, rows[fold == spec.fold]))
