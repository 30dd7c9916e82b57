"""The job `audit train`: train the judge of one fold on the other folds, without augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.audit.config import TrainSpec
from darkroom.audit.folds import HELD_OUT, fingerprint, folds
from darkroom.classify import config as classify
from darkroom.classify.train import link, train
from darkroom.data.store import open_store
from darkroom.fit.model import save_model
from darkroom.log import Log
from darkroom.nets import pretrained


def run(
    spec: TrainSpec, *, data: Path, weights: Path | None = None, out: Path, checkpoints: Path | None = None, log: Log
) -> None:
    """Train on all folds but one of the training images of the store at `data`.

    Raises ValueError if this fold is empty or there is nothing to learn from the others, such as fewer than two classes.
    """
    spec, store = pretrained.localized(spec, weights), open_store(data)
    rows, fold = folds(store, spec)
    if not (fold == spec.fold).any():
        raise ValueError(f"fold {spec.fold} of {spec.folds} has no images; lower audit.folds")
    plain = classify.TrainSpec(
        network=spec.network, transfer=spec.transfer, training=spec.training, loss=spec.loss, seed=spec.seed
    )
    network, fitted = train(
        plain,
        store,
        rows[fold != spec.fold],
        held_out=np.empty(0, np.int64),  # no model selection, and validation would cost time
        checkpoints=checkpoints,
        log=log,
    )
    with files.folder(out) as fresh:
        save_model(
            fresh,
            network,
            plugin=spec.network,
            shape=store.shape,
            classes=store.classes,
            fitted=fitted,
            target=store.target,
            link=link(plain),
            samples=store.kind,
        )
        files.write_json(fresh / HELD_OUT, fingerprint(store, rows[fold == spec.fold]))
