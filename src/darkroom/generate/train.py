"""The job `generate train`: train one generative model with one seed on the training samples."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from darkroom import files, registry
from darkroom.data.kind import PLURAL
from darkroom.data.store import Store, copy_preparation, needed, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.model import Fitted, save_model
from darkroom.fit.untrained import standardize
from darkroom.generate.config import TrainSpec
from darkroom.generate.model import FittedGenerator, GenerativeModel
from darkroom.generate.snapshots import Snapshots
from darkroom.generate.task import SnapshotObserver
from darkroom.log import Log
from darkroom.randomness import derive


def run(spec: TrainSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on the training split of the prepared store `data`, with labels if every training sample has one.

    Raises ValueError if there are no training samples, or no test samples to evaluate on.
    """
    store = open_store(data, classes_only=True)
    rows, held_out = store.rows("train"), store.rows("val")
    if not len(rows):
        raise ValueError(f"{store.name} has no training {PLURAL[store.kind]}; lower data.split.val and data.split.test")
    needed(store, "test", labels=False)  # fails before the training, not after it
    classes = store.classes if (store.labels[rows] >= 0).all() else ()
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network: GenerativeModel = registry.build(spec.generator, store.shape, len(classes))
    if network.classes:
        held_out = held_out[store.labels[held_out] >= 0]  # a conditional model needs labels
    started = time.monotonic()
    fitted, snapshots = None, None
    if isinstance(network, FittedGenerator):
        with threadpool_limits(spec.training.threads):
            network.fit(np.asarray(store.samples[rows]), store.labels[rows])
        network.eval()
    else:
        fitted, snapshots = _train(spec, network, store, rows, held_out, checkpoints=checkpoints, log=log)
    seconds = time.monotonic() - started
    with files.folder(out) as fresh:
        save_model(
            fresh,
            network,
            plugin=spec.generator,
            shape=store.shape,
            classes=classes,
            fitted=fitted,
            samples=store.kind,
        )
        copy_preparation(data, fresh)
        if snapshots is not None:
            snapshots.write(fresh)
        if fitted is None:
            times = {"seconds": seconds, "images_per_second": len(rows) / max(seconds, 1e-9)}
            files.write_json(fresh / files.TIMING, times)


def _train(
    spec: TrainSpec,
    network: GenerativeModel,
    store: Store,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    *,
    checkpoints: Path | None,
    log: Log,
) -> tuple[Fitted, Snapshots | None]:
    """Train by gradient steps; return the training's record, and the snapshots drawn on the way if the spec asks for any."""
    from darkroom.fit.trainer import fit  # Lightning takes seconds to import

    standardize(network, store.samples, rows)
    train = training_batches(store, rows, None, batch_size=spec.training.batch_size, seed=spec.seed)
    val = plain_batches(store, held_out, batch_size=256) if len(held_out) else None
    snapshots = spec.snapshots and Snapshots(
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
        observers=[SnapshotObserver(snapshots)] if snapshots else [],
    )
    return fitted, snapshots or None
