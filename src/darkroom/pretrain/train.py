"""The job `pretrain train`: pretrain one network on all training images, without their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from darkroom import files, registry
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.model import save_model
from darkroom.fit.precision import resolve
from darkroom.fit.trainer import fit
from darkroom.fit.untrained import standardize
from darkroom.log import Log, complain
from darkroom.nets.architectures import headless
from darkroom.pretrain.config import TrainSpec
from darkroom.pretrain.neighbors import accuracy
from darkroom.pretrain.objective import Objective
from darkroom.pretrain.task import PretrainTask
from darkroom.pretrain.views import Views
from darkroom.pretrain.watch import Watch, collapsed
from darkroom.randomness import derive


def run(spec: TrainSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on all images of the training split of the prepared store `data`, labeled or not.

    Labels of training and validation images serve the k-NN accuracy by epoch, and nothing else. Raises ValueError if there
    are no training images, or the objective does not support their size.
    """
    store = open_store(data)
    rows = needed(store, "train", labels=False)
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network = headless(spec.network, store.shape)
    standardize(network, store.samples, rows)
    objective: Objective = registry.build(spec.objective, network, store.shape)
    train = Batches(
        Pool([store.samples]),
        rows[:, None],
        np.zeros(len(rows), np.int64),  # no label
        batch_size=spec.training.batch_size,
        seed=spec.seed,
    )
    views = Views(spec.views, channels=store.shape[0], full=objective.full, local=objective.local)
    watch = Watch(store, epochs=spec.training.epochs, batches=len(train), log=log)
    objective.train()
    watch.measure(objective, 0, resolve(spec.training.precision))
    task = PretrainTask(objective, spec.training, views)
    fitted = fit(task, train, None, seed=spec.seed, log=log, checkpoints=checkpoints, observers=[watch])
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.network, shape=store.shape, classes=(), fitted=fitted)
        _describe(fresh, store, watch, objective)


def _describe(folder: Path, store: Store, watch: Watch, objective: Objective) -> None:
    """Write how features developed, what they predict, and whether the embeddings collapsed, which is also logged."""
    last, measured = watch.rows[-1], watch.measured
    reason = collapsed(watch.rows[0], last, directions=objective.directions)
    if reason is not None:
        complain(f"the pretraining has collapsed: {reason}")
    pd.DataFrame(watch.rows).to_csv(folder / "features.csv", index=False)
    predicted = {name: labels.numpy() for name, labels in watch.predicted.items()}
    files.write_json(
        folder / "metrics.json",
        {
            "knn": {name: accuracy(store, measured, labels) for name, labels in predicted.items()},
            "features": last,
            "embeds": objective.embeds,
            "collapsed": reason,
        },
    )
    items = store.items.iloc[measured.val]
    table = {"id": items["id"].to_numpy(), "label": items["label"].to_numpy(), **predicted}
    pd.DataFrame(table).to_parquet(folder / "neighbors.parquet", index=False)
