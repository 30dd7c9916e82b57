"""The job `suggest simulate`: label training images step by step as one rule asks, and measure accuracy after each step.

The labels of the training images count as unknown until the rule asks for them; those that `data.labels` hides can be asked
for, too. After each step a classifier is trained from scratch, with the same seed. predictions.parquet has one row per test
image: id, label, and the predictions `labels_N` with N labels. chosen.csv lists the images in the order of their labeling.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.classify import config as classify
from darkroom.classify.train import link, train
from darkroom.data.hide import HIDDEN
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.model import predict
from darkroom.log import Log, silent
from darkroom.nets import pretrained
from darkroom.randomness import derive
from darkroom.suggest.config import SimulateSpec
from darkroom.suggest.network import Images, NetworkPool
from darkroom.suggest.pool import Rule

PREDICTIONS, CHOSEN = "predictions.parquet", "chosen.csv"
Rows = NDArray[np.int64]


def run(spec: SimulateSpec, *, data: Path, weights: Path | None = None, out: Path, log: Log) -> None:
    """Simulate on the prepared store `data`.

    Raises ValueError if a class has too few training images to start with, or all of them too few for the rounds.
    """
    spec, store = pretrained.localized(spec, weights), revealed(open_store(data))
    train_rows, test = needed(store, "train"), needed(store, "test")
    start = first(store, train_rows, per_class=spec.start, seed=spec.seed)
    wanted = len(start) + spec.rounds * spec.step
    if wanted > len(train_rows):
        raise ValueError(
            f"suggest: {spec.rounds} rounds of {spec.step} labels after the first {len(start)} ask for {wanted} labels, but "
            f"there are {len(train_rows)} labeled training images; lower suggest.rounds or suggest.step"
        )
    rule: Rule = registry.build(spec.acquisition)
    plain = classify.TrainSpec(network=spec.network, training=spec.training, backbone=spec.backbone, seed=spec.seed)
    known, table = start, pd.DataFrame({"id": store.items["id"].iloc[test], "label": store.labels[test]})
    chosen = [(0, row, float("nan")) for row in start.tolist()]
    for number in range(spec.rounds + 1):
        network, _ = train(plain, store, np.sort(known), held_out=np.empty(0, np.int64), log=silent)
        network.eval()
        table[f"labels_{len(known)}"] = predict(network, store.samples, test).argmax(1)
        log({"test/accuracy": float((table[f"labels_{len(known)}"] == table["label"]).mean())}, len(known))
        if number < spec.rounds:
            left = np.setdiff1d(train_rows, known)
            images, labeled = Images(store.samples, left), Images(store.samples, np.sort(known))
            pool = NetworkPool(network, images, labeled, derive(spec.seed, "dropout", number), link(plain))
            found = rule.rank(pool, spec.step, np.random.default_rng(derive(spec.seed, "acquisition", number)))
            asked = left[found.rows]
            known = np.concatenate([known, asked])
            chosen += [(number + 1, row, score) for row, score in zip(asked.tolist(), found.scores, strict=True)]
    with files.folder(out) as fresh:
        table.to_parquet(fresh / PREDICTIONS, index=False)
        _write(fresh / CHOSEN, store, chosen)


def revealed(store: Store) -> Store:
    """Return the store with the labels that `data.labels` hid."""
    if HIDDEN not in store.items:
        return store
    hidden = store.items[HIDDEN]
    return replace(store, items=store.items.assign(label=store.items["label"].where(hidden < 0, hidden)))


def first(store: Store, rows: Rows, *, per_class: int, seed: int) -> Rows:
    """Return the rows that are labeled at the start: of each class, those whose ids have the lowest hashes with the seed.

    Raises ValueError if a class has fewer.
    """
    ids, found = store.items["id"].tolist(), []
    for number, name in enumerate(store.classes):
        members = rows[store.labels[rows] == number].tolist()
        if len(members) < per_class:
            raise ValueError(
                f'suggest.start: {per_class} labels per class, but the class "{name}" has {len(members)} labeled training '
                "images; lower it"
            )
        found += sorted(members, key=lambda row: derive(seed, "start", ids[row]))[:per_class]
    return np.array(found, dtype=np.int64)


def _write(path: Path, store: Store, chosen: list[tuple[int, int, float]]) -> None:
    rounds, rows, scores = zip(*chosen, strict=True)
    labels = [store.classes[label] for label in store.labels[list(rows)]]
    ids = store.items["id"].iloc[list(rows)].tolist()
    pd.DataFrame({"round": rounds, "id": ids, "label": labels, "score": scores}).to_csv(path, index=False)
