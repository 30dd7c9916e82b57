"""The job `generate train`: one generative model on the training images with one seed."""

from __future__ import annotations

from pathlib import Path

import torch

from darkroom import files, registry
from darkroom.data.store import needed, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.model import save_model
from darkroom.generate.config import TrainSpec
from darkroom.generate.model import GenerativeModel
from darkroom.generate.progress import Progress
from darkroom.log import Log
from darkroom.randomness import derive


def run(spec: TrainSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on the train split of the prepared store `data`, with or without labels.

    Raises ValueError when there is no training image, or no test image to measure it on.
    """
    store = open_store(data)
    rows, held_out = store.rows("train"), store.rows("val")
    if not len(rows):
        raise ValueError(f"{store.name} has no training images; lower data.split.val and data.split.test")
    needed(store, "test", labels=False)  # said before the training, not after it
    classes = store.classes if (store.labels[rows] >= 0).all() else ()
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network: GenerativeModel = registry.build(spec.generator, store.shape, len(classes))
    if network.classes:
        held_out = held_out[store.labels[held_out] >= 0]  # what has no class cannot be asked of it
    train = training_batches(store, rows, None, batch_size=spec.training.batch_size, seed=spec.seed)
    val = plain_batches(store, held_out, batch_size=256) if len(held_out) else None
    progress = Progress(
        classes=network.classes,
        shape=store.shape,
        epochs=spec.training.epochs,
        times=spec.snapshots,
        seed=spec.seed,
    )
    fitted = network.fit(
        train, val, spec.training, seed=spec.seed, log=log, checkpoints=checkpoints, callbacks=[progress]
    )
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.generator, shape=store.shape, classes=classes, fitted=fitted)
        progress.write(fresh)
