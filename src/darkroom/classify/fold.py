"""The job `classify fold`: train a classifier on all folds but one, and predict that one.

predictions.parquet   id and output_k of every held-out image
fold.json             images trained on and held out, scores of the held-out ones, link
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.augment.copies import opened
from darkroom.classify.train import link, train
from darkroom.classify.tuning.config import FoldSpec
from darkroom.classify.tuning.folds import Rows, folds, parts, pool
from darkroom.classify.tuning.rate import read as read_rate
from darkroom.classify.tuning.rate import with_rate
from darkroom.classify.tuning.scores import scores
from darkroom.data.store import Store, open_store
from darkroom.fit.model import predict
from darkroom.log import Log
from darkroom.nets import pretrained

INNER = 10
"""Early stopping and schedules that follow the validation loss watch one of this many parts of the training images."""


def run(
    spec: FoldSpec,
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
    """Train on the train and val splits of `data` without one fold; other inputs are those of `classify train`.

    Raises ValueError if the rarest class has too few images for the folds.
    """
    spec, store = pretrained.localized(spec, weights), open_store(data)
    if rate is not None:
        spec = with_rate(spec, read_rate(rate))
    rows = pool(store)
    fold = folds(store, rows, count=spec.folds, seed=spec.seed)
    trained, held_out = rows[fold != spec.fold], rows[fold == spec.fold]
    trained, watched = _watched(spec, store, trained)
    network, _ = train(
        spec,
        store,
        trained,
        held_out=watched,
        copies=opened(copies, store, trained) if copies else None,
        features=features,
        checkpoints=checkpoints,
        log=log,
    )
    outputs = predict(network, store.samples, held_out, batch_size=32 if spec.transfer else 256)
    found = scores(store.target, outputs, store.targets[held_out], link(spec))
    with files.folder(out) as fresh:
        columns = {f"output_{k}": outputs[:, k] for k in range(outputs.shape[1])}
        pd.DataFrame({"id": store.items["id"].to_numpy()[held_out], **columns}).to_parquet(
            fresh / "predictions.parquet", index=False
        )
        about = {"trained": len(trained), "held_out": len(held_out), "scores": found, "link": link(spec)}
        files.write_json(fresh / "fold.json", about)
    log({f"fold/{name}": value for name, value in found.items()})


def _watched(spec: FoldSpec, store: Store, rows: Rows) -> tuple[Rows, Rows]:
    """Divide training rows into those to train on and those to watch, if the training watches any.

    Watching the held-out fold instead would choose the epoch by the images that measure it.
    """
    if not spec.training.chosen.keys() & {"patience", "schedule"}:
        return rows, np.empty(0, np.int64)
    part = parts(store, rows, count=INNER, seed=spec.seed)
    return rows[part > 0], rows[part == 0]
