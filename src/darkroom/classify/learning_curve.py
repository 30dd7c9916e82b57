"""The job `classify learning_curve`: the test score of every classifier by its number of training images, with forecasts.

learning_curve.json     sizes and scores of each classifier, and the gains that more images would bring
predictions.parquet     policy, model, seed, images, id and whether the prediction is right; for one class per image
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.classify.tuning.config import CurveSpec, Learned
from darkroom.classify.tuning.scores import MAIN
from darkroom.data.store import Store, labeled, open_store
from darkroom.log import Log
from darkroom.measure.forecast import forecasts
from darkroom.measure.learning_curve import FEWEST_SIZES, Curve
from darkroom.measure.proportion import wilson


def run(spec: CurveSpec, *, data: Path, classifiers: Path, out: Path, log: Log) -> None:
    """Read the shares and evaluations below `classifiers`, whose images are those of the prepared store `data`."""
    store = open_store(data)
    curves, tables = [], []
    for one in spec.classifiers:
        curve, table = _curve(one, store, classifiers)
        curves.append(curve)
        tables += table
    found = {"main": MAIN[store.target.kind], "curves": curves, "left_out": spec.left_out}
    with files.folder(out) as fresh:
        files.write_json(fresh / "learning_curve.json", found)
        if tables:
            pd.concat(tables, ignore_index=True).to_parquet(fresh / "predictions.parquet", index=False)
    log({})


def _curve(one: Learned, store: Store, root: Path) -> tuple[dict[str, Any], list[pd.DataFrame]]:
    """Return the curve of a classifier, and which predictions are right."""
    main, rows = MAIN[store.target.kind], labeled(store, "test")
    sizes, values, tables = [], [], []
    labels = pd.Series(store.labels[rows], index=store.items["id"].to_numpy()[rows])
    for share in one.shares:
        about = [files.read_json(root / folder / "share.json") for folder in share]
        sizes.append(int(about[0]["trained"]))
        values.append([float(run["scores"][main]) for run in about])
        tables += [pd.read_parquet(root / folder / "predictions.parquet") for folder in share]
    whole = [files.read_json(root / folder / "metrics.json") for folder in one.evaluations]
    sizes.append(len(labeled(store, "train")))
    values.append([_whole(metrics, main) for metrics in whole])
    found: dict[str, Any] = {"policy": one.policy, "model": one.model, "sizes": sizes}
    found["scores"] = [[_interval(value, main, len(rows)) for value in size] for size in values]
    found["forecasts"], found["reason"] = [], ""
    if main != "accuracy":
        found["reason"] = "forecasts are for accuracy"
        return found, []
    if len(sizes) < FEWEST_SIZES or len(one.evaluations) < 2:
        found["reason"] = f"a forecast needs {FEWEST_SIZES} sizes and two seeds"
    else:
        errors = [tuple(1 - value for value in size) for size in values]
        errors[-1] = (float(np.mean(errors[-1])),)  # seeds draw no other images there
        curve = Curve(tuple(sizes), tuple(errors))
        found["forecasts"] = [asdict(gain) for gain in forecasts(curve, test=len(rows))]
    predicted = [table.filter(regex="^output_").to_numpy().argmax(1) for table in tables]
    ids = [table["id"].to_numpy() for table in tables]
    for folder in one.evaluations:
        table = pd.read_parquet(root / folder / "predictions.parquet")
        ids.append(table["id"].to_numpy())
        predicted.append(table["prediction_plain"].to_numpy())
    keys = [(size, seed) for size in sizes for seed in one.seeds]
    right = [
        pd.DataFrame(
            {
                "policy": one.policy,
                "model": one.model,
                "seed": seed,
                "images": size,
                "id": known,
                "right": labels[known].to_numpy() == answers,
            }
        )
        for (size, seed), known, answers in zip(keys, ids, predicted, strict=True)
    ]
    return found, right


def _whole(metrics: dict[str, Any], main: str) -> float:
    """Return a score from an evaluation; only those of numbers are not divided into raw and calibrated."""
    plain = metrics["views"]["plain"]
    return float(plain.get("raw", plain)[main]["value"])


def _interval(value: float, main: str, items: int) -> dict[str, Any]:
    """Return a test score with its interval if it is a share of images."""
    return wilson(round(value * items), items, reason="") if main == "accuracy" else {"value": value}
