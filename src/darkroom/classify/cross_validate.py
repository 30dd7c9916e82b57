"""The job `classify cross_validate`: pool the folds of every classifier, with intervals and tests that fit overlapping images.

cross_validation.json   scores of each classifier, and differences between those that share a policy or a model
predictions.parquet     policy, model, seed, fold, id and output_k of every held-out image
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.classify.tuning.config import CrossValidateSpec, Validated
from darkroom.classify.tuning.scores import MAIN, scores
from darkroom.data.store import Store, open_store
from darkroom.log import Log
from darkroom.measure.bootstrap import without_flat
from darkroom.measure.resampled import corrected_interval, corrected_test, holm


def run(spec: CrossValidateSpec, *, data: Path, folds: Path, out: Path, log: Log) -> None:
    """Read the folds below `folds`, whose images are those of the prepared store `data`."""
    store = open_store(data)
    read = {(one.policy, one.model): _read(one, folds) for one in spec.classifiers}
    main = MAIN[store.target.kind]
    found: dict[str, Any] = {
        "folds": spec.folds,
        "seeds": [one.seed for one in spec.classifiers[0].folds if one.fold == 0],
        "images": int(sum(about["held_out"] for about in next(iter(read.values()))[0][: spec.folds])),
        "main": main,
        "classifiers": [_measured(*keys, *parts, store) for keys, parts in read.items()],
        "left_out": spec.left_out,
    }
    found["differences"] = _differences({keys: about for keys, (about, _) in read.items()}, main)
    with files.folder(out) as fresh:
        files.write_json(fresh / "cross_validation.json", found)
        tables = [table for _, table in read.values()]
        pd.concat(tables, ignore_index=True).to_parquet(fresh / "predictions.parquet", index=False)
    log(
        {
            f"cross_validation/{one['model']}/{one['policy']}/{name}": score["value"]
            for one in found["classifiers"]
            for name, score in one["scores"].items()
        }
    )


def _read(one: Validated, root: Path) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return what the folds of a classifier say, and their predictions."""
    about, tables = [], []
    for fold in one.folds:
        about.append(files.read_json(root / fold.folder / "fold.json"))
        table = pd.read_parquet(root / fold.folder / "predictions.parquet")
        known: dict[str, Any] = {"policy": one.policy, "model": one.model, "seed": fold.seed, "fold": fold.fold}
        tables.append(table.assign(**known)[[*known, *table.columns]])
    return about, pd.concat(tables, ignore_index=True)


def _measured(
    policy: str, model: str, about: list[dict[str, Any]], table: pd.DataFrame, store: Store
) -> dict[str, Any]:
    """Return each score's mean over folds with its corrected interval, and its mean over seeds on all images at once."""
    place = pd.Index(store.items["id"])
    pooled = []
    for _, part in table.groupby("seed", sort=False):
        rows = place.get_indexer(pd.Index(part["id"]))
        outputs = part.filter(regex="^output_").to_numpy()
        pooled.append(scores(store.target, outputs, store.targets[rows], about[0]["link"]))
    found: dict[str, dict[str, Any]] = {}
    for name in pooled[0]:
        values = [fold["scores"][name] for fold in about if name in fold["scores"]]
        if len(values) > 1:
            interval = without_flat({name: corrected_interval(values, _ratio(about))})[name]
            found[name] = {**interval, "pooled": float(np.mean([one[name] for one in pooled])), "folds": values}
    return {"policy": policy, "model": model, "scores": found}


def _differences(about: dict[tuple[str, str], list[dict[str, Any]]], main: str) -> list[dict[str, Any]]:
    """Compare classifiers that differ in their model or in their policy alone, fold by fold."""
    found = []
    for first, second in itertools.combinations(about, 2):
        if first[0] != second[0] and first[1] != second[1]:
            continue
        pairs = zip(about[first], about[second], strict=True)
        values = [
            a["scores"][main] - b["scores"][main] for a, b in pairs if main in a["scores"] and main in b["scores"]
        ]
        if len(values) < 2:
            continue
        ratio = _ratio(about[first])
        one = {"first": list(first), "second": list(second), **corrected_interval(values, ratio)}
        found.append({**one, "p": corrected_test(values, ratio)})
    for one, p in zip(found, holm([one["p"] for one in found]), strict=True):
        one["p_holm"] = p
    return found


def _ratio(about: list[dict[str, Any]]) -> float:
    """Return held-out images per training image."""
    return float(sum(one["held_out"] for one in about) / sum(one["trained"] for one in about))
