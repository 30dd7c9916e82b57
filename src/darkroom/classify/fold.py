"""The job `classify fold`: train a classifier on all folds but one, and predict that one.

predictions.parquet   id and output_k of every held-out image
fold.json             images trained on and held out, scores of the held-out ones, link
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from darkroom import files
from darkroom.augment.copies import opened
from darkroom.classify.train import link, train
from darkroom.classify.tuning.config import FoldSpec
from darkroom.classify.tuning.folds import divided, watched
from darkroom.classify.tuning.rate import read as read_rate
from darkroom.classify.tuning.rate import with_rate
from darkroom.classify.tuning.scores import scores
from darkroom.data.store import open_store
from darkroom.fit.model import predict
from darkroom.log import Log
from darkroom.nets import pretrained


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
    trained, held_out = divided(store, count=spec.folds, fold=spec.fold, seed=spec.seed)
    seen = trained[:0]
    if spec.training.chosen.keys() & {"patience", "schedule"}:
        trained, seen = watched(store, trained, seed=spec.seed)
    network, _ = train(
        spec,
        store,
        trained,
        held_out=seen,
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
