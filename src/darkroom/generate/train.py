"""The job `generate train`: train one generative model with one seed on the training images."""

from __future__ import annotations

from pathlib import Path

import torch

from darkroom import files, registry
from darkroom.data.store import needed, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.model import save_model
from darkroom.fit.trainer import fit
from darkroom.generate.config import TrainSpec
from darkroom.generate.model import GenerativeModel
from darkroom.generate.snapshots import Snapshots
from darkroom.generate.task import SnapshotObserver
from darkroom.log import Log
from darkroom.randomness import derive


def run(spec: TrainSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on the training split of the prepared store `data`, with labels if every training image has one.

    Raises ValueError if there are no training images, or no test images to evaluate on.
    """
    store = open_store(data, classes_only=True)
    rows, held_out = store.rows("train"), store.rows("val")
    if not len(rows):
        raise ValueError(f"{store.name} has no training images; lower data.split.val and data.split.test")
    needed(store, "test", labels=False)  # fails before the training, not after it
    classes = store.classes if (store.labels[rows] >= 0).all() else ()
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network: GenerativeModel = registry.build(spec.generator, store.shape, len(classes))
    if network.classes:
        held_out = held_out[store.labels[held_out] >= 0]  # a conditional model needs labels
    train = training_batches(store, rows, None, batch_size=spec.training.batch_size, seed=spec.seed)
    val = plain_batches(store, held_out, batch_size=256) if len(held_out) else None
    snapshots = Snapshots(
        classes=network.classes,
        shape=store.shape,
        epochs=spec.training.epochs,
        times=spec.snapshots,
        seed=spec.seed,
    )
    fitted = fit(
        network.task(spec.training),
        train,
        val,
        seed=spec.seed,
        log=log,
        checkpoints=checkpoints,
        observers=[SnapshotObserver(snapshots)],
    )
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.generator, shape=store.shape, classes=classes, fitted=fitted)
        snapshots.write(fresh)
