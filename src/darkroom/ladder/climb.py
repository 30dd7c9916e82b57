"""The job `ladder climb`: all rungs from the simplest to the best, which one to use, and what more images would bring.

ladder.json          rungs, choice, learning curve and forecasts
predictions.parquet  id, label, and `prediction_RUNG_SEED` of every test image
model/               the chosen rung, fitted to all training images with the first seed
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from darkroom import files, settings
from darkroom.augment.config import OnlineSpec
from darkroom.classify import features
from darkroom.classify.config import FeaturesSpec
from darkroom.classify.transfer.frozen import Features, open_features
from darkroom.data import split
from darkroom.data.store import Store, copy_preparation, labeled, needed, open_store
from darkroom.fit.model import save_model
from darkroom.ladder.ascent import Ascent, Rung
from darkroom.ladder.config import ORDER, ClimbSpec
from darkroom.ladder.probe_curve import Found, measured
from darkroom.ladder.rungs import Fits, Rows, costs, frozen
from darkroom.ladder.work import Budget
from darkroom.log import Log, complain, silent
from darkroom.measure.proportion import wilson
from darkroom.nets import pretrained

FOLDS = 5
CURVE_SHARE = 0.1
"""Share of the budget that the learning curve may take."""


def run(spec: ClimbSpec, *, data: Path, weights: Path | None = None, out: Path, log: Log, workers: int = 1) -> None:
    """Climb on the prepared store `data`: train on its train and val splits, choose by cross-validation there, test on test.

    Nothing but measured seconds depends on `workers`, the number of threads that compute features. Raises ValueError if the
    training images have fewer than two classes, or there are no test images.
    """
    started = time.monotonic()
    local = {name: pretrained.localized(rung, weights) for name, rung in spec.rungs.items()}
    local = {name: local[name] for name in ORDER if name in local}
    spec = spec.model_copy(update={"rungs": local})
    if spec.missing:
        complain(f"ladder: only from scratch: {spec.missing}")
    store = open_store(data)
    if len(known_classes := np.unique(store.labels[needed(store, "train")])) < 2:
        raise ValueError(
            f"the ladder needs training images of at least two classes; {store.name} has only "
            f"{settings.quoted(store.classes[known_classes[0]])}. Add another to data.source, or remove the section ladder"
        )
    pool, test = np.sort(np.concatenate([labeled(store, "train"), labeled(store, "val")])), needed(store, "test")
    budget, counted = Budget(60 * spec.minutes), costs(spec.rungs, store, threads=spec.threads)
    with tempfile.TemporaryDirectory() as temporary:
        known = _features(spec, data, Path(temporary), workers=workers)
        if known:
            extracted = next(cost for cost in counted.values() if cost.rung.transfer)
            budget.spend(extracted.features(len(known[1].items)))
        curve = (
            measured(known[1], store, pool, test, seed=spec.seeds[0], seconds=CURVE_SHARE * budget.total)
            if known
            else None
        )
        if curve:
            budget.spend(curve.seconds)
        ready = time.monotonic() - started
        fits = Fits(store, (Path(temporary, "features"), known[1]) if known else None, spec.backbone, spec.threads)
        ascent = Ascent(
            fits, spec.rungs, counted, pool=pool, folds=_folds(store, pool), test=test, seeds=spec.seeds, budget=budget
        )
        chosen, steps = ascent.run()
    rungs = {rung.name: _described(rung, store, test, spec) for rung in ascent.rungs}
    found = {
        "chosen": chosen,
        "rungs": rungs,
        "steps": [{**asdict(step), "taken": step.taken} for step in steps],
        "images": {"train": len(pool), "test": len(test)},
        "budget": {"minutes": spec.minutes, "counted": budget.spent / 60, "threads": spec.threads},
        "missing": spec.missing,
        "curve": _curve(curve),
    }
    with files.folder(out) as fresh:
        files.write_json(fresh / "ladder.json", found)
        _predictions(ascent.rungs, store, test, spec).to_parquet(fresh / "predictions.parquet", index=False)
        if ascent.model:
            rung, network, fitted = ascent.model
            with files.folder(fresh / "model") as model:
                plugin = rung.settings.network
                save_model(model, network, plugin=plugin, shape=store.shape, classes=store.classes, fitted=fitted)
                copy_preparation(data, model)
        seconds = {rung.name: rung.seconds for rung in ascent.rungs}
        timing = {"seconds": time.monotonic() - started, "features_and_curve": ready, "rungs": seconds}
        files.write_json(fresh / files.TIMING, timing)
    log({f"test/accuracy/{name}": rung["test"][0]["value"] for name, rung in rungs.items() if rung["test"]})


def _features(spec: ClimbSpec, data: Path, folder: Path, *, workers: int) -> tuple[Path, Features] | None:
    """Compute the features of all labeled images once for all rungs; None if no rung has a pretrained network."""
    networks = [rung.network for rung in spec.rungs.values() if rung.transfer]
    if not networks:
        return None
    wanted = FeaturesSpec(network=networks[0], backbone=spec.backbone, policy=OnlineSpec(), views=0, seed=0)
    torch.set_num_threads(1)
    features.run(wanted, data=data, out=folder / "features", log=silent, workers=workers)
    return folder / "features", open_features(folder / "features")


def _folds(store: Store, pool: Rows) -> Rows:
    """Return the validation fold of every training image; groups and near-duplicates share one."""
    items = store.items.iloc[pool]
    groups = items["group"].to_numpy(dtype=np.int64)
    count = min(FOLDS, len(np.unique(groups)))
    return split.folds(items["id"].tolist(), store.labels[pool], groups, count=count, seed=0)


def _described(rung: Rung, store: Store, test: Rows, spec: ClimbSpec) -> dict[str, Any]:
    labels = store.labels[test]
    right = np.concatenate(rung.right) if rung.right else np.empty(0)
    tests = [wilson(int((seen == labels).sum()), len(labels), reason="") for seen in rung.tested]
    return {
        "status": rung.status,
        "reason": rung.reason,
        "epochs": 0 if frozen(rung.settings) else rung.settings.training.epochs,
        "wanted_epochs": 0 if frozen(rung.settings) else spec.rungs[rung.name].training.epochs,
        "validation": {
            "accuracy": float(right.mean()) if len(right) else None,
            "images": len(right),
            "folds": len(rung.right),
        },
        "test": tests if len(tests) == len(spec.seeds) else [],
        "settings": spec.rungs[rung.name].model_dump(mode="json", exclude_none=True),
    }


def _predictions(rungs: list[Rung], store: Store, test: Rows, spec: ClimbSpec) -> pd.DataFrame:
    table = pd.DataFrame({"id": store.items["id"].to_numpy()[test], "label": store.labels[test]})
    for rung in rungs:
        if len(rung.tested) == len(spec.seeds):
            for seed, predicted in zip(spec.seeds, rung.tested, strict=True):
                table[f"prediction_{rung.name}_{seed}"] = predicted
    return table


def _curve(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "sizes": list(found.curve.sizes),
        "errors": [list(row) for row in found.curve.errors],
        "forecasts": [asdict(one) for one in found.forecasts],
    }
