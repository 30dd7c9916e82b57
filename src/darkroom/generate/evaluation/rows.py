"""Measure a trained generative model of rows: what its samples are worth as training data, and whether they are copies.

As many rows are drawn as there are training rows, and as validation rows, of the same classes. metrics.json holds ({interval} is
{"value", "low", "high"}; an unavailable number is {"value": null, "reason"}):

    items, samples      test rows measured against; rows drawn in place of the training rows
    conditional         whether samples were asked for by class
    estimator           the network of `generate.judge`
    utility             {real, synthetic, difference, ratio: {measure: {interval}}}: the estimator trained on the training rows,
                        the same trained on samples, the second minus the first, and the second over the first, on the test rows.
                        Measures are accuracy, balanced_accuracy, macro_auroc and average_precision, the mean over classes.
                        Intervals are over test rows, resampled for both alike; {"value": null, "reason"} if there are no classes
    columns             {mean, mean_floor, of: {name: {distance, floor}}}: how far the distribution of each column among samples
                        is from that of the test rows, and that of the training rows from it: the largest difference of the
                        distribution functions of numbers, half the summed differences of the shares of categories; cells that
                        are missing are below all numbers, or a category
    memorization        as for images, see `evaluation.images`, between vectors of rows (`drawn.rows.vectors`), and
                        equal: {samples, held_out}, the share that equals a training row. Equal rows of the data are in one
                        split, so that no held-out row does

samples.parquet holds the rows as in the table, with the column of the class if the model is conditional, and of each the nearest
training row, distance and ratio, under names that no column of the table has. timing.json holds {seconds, ms_per_sample}. Every
other file is the same, bit for bit, for the same spec, model, judge and data.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from darkroom import files
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.data.tabular.columns import decode
from darkroom.data.tabular.incoming import class_column, read_columns
from darkroom.fit.model import HISTORY, STEPS, predict
from darkroom.generate.config import EvaluateSpec
from darkroom.generate.drawn.rows import DrawnRows, vectors
from darkroom.generate.evaluation import utility
from darkroom.generate.evaluation.fidelity import spread
from darkroom.generate.evaluation.figures import draw_curves
from darkroom.generate.evaluation.marginals import column_distances, draw_marginals
from darkroom.generate.evaluation.near_copies import compared
from darkroom.generate.evaluation.spaces import read_judge
from darkroom.generate.judge import judging
from darkroom.generate.model import GenerativeModel, read_generator
from darkroom.log import Log, silent
from darkroom.measure.memorization import NEIGHBORS, Nearest, of_neighbors
from darkroom.nets.table.neighbors import closest
from darkroom.randomness import derive
from darkroom.registry import register

NEAREST = ("nearest", "distance", "ratio")


@register("generator evaluation", "table")
def measure_rows(spec: EvaluateSpec, data: Path, model: Path, judge: Path, out: Path, log: Log) -> None:
    """Sample from the model in the folder `model` and measure it against the test split of the store `data`.

    Raises ValueError if there are no test rows.
    """
    torch.set_num_threads(1)  # sums depend on the number of threads
    store, network, started = (
        open_store(data, classes_only=True),
        read_generator(model, spec.generator),
        time.monotonic(),
    )
    test = needed(store, "test", labels=False)
    with threadpool_limits(1), torch.inference_mode():
        made = synthetic(network, store, seed=spec.seed)
        ms_per_sample = (time.monotonic() - started) / len(made.samples) * 1000
        drawn = made.rows("train")
        shown, held_out = drawn[spread(np.arange(len(drawn)), spec.samples)], spread(test, spec.samples)
        nearest, real = nearest_rows(store, made.samples[shown], store.samples[held_out])
        memorization, nearest = compared(store, store.rows("train"), nearest, real, seed=spec.seed)
        memorization["equal"] = {
            "samples": float((nearest.distance == 0).mean()),
            "held_out": float((real.distance == 0).mean()),
        }
        columns = read_columns(data)
        distances = column_distances(made.samples[drawn], store, test, columns)
    result = {
        "items": len(test),
        "samples": len(drawn),
        "conditional": network.classes > 0,
        "estimator": spec.judge.name,  # type: ignore[attr-defined]
        "utility": _utility(spec, store, made, network, judge),
        "columns": distances,
        "memorization": memorization,
    }
    with files.folder(out) as fresh:
        cells = dict(zip((column.name for column in columns), decode(made.samples[shown], columns), strict=True))
        if network.classes:
            cells[class_column(data)] = [store.classes[label] for label in made.labels[shown].tolist()]
        table = pd.DataFrame(cells)
        ids = store.items["id"].to_numpy()[nearest.row]
        for name, values in zip(NEAREST, (ids, nearest.distance, nearest.ratio), strict=True):
            table[_free(name, table)] = values
        table.to_parquet(fresh / "samples.parquet", index=False)
        parts = {"test rows": store.samples[test], "samples": made.samples[drawn]}
        draw_marginals(parts, columns, fresh / "marginals.png")
        if (model / HISTORY).is_file():
            draw_curves(pd.read_csv(model / HISTORY), pd.read_csv(model / STEPS), fresh / "curves.png")
        files.write_json(fresh / "metrics.json", result)
        times = {"seconds": time.monotonic() - started, "ms_per_sample": ms_per_sample}
        files.write_json(fresh / files.TIMING, times)
    log(_scalars(result))


def synthetic(network: GenerativeModel, store: Store, *, seed: int) -> Store:
    """Draw a store of rows with the splits train and val, and their classes, of a store of real ones."""
    rows = np.concatenate([store.rows("train"), store.rows("val")])
    labels = store.labels[rows]
    if network.classes:
        rows, labels = rows[labels >= 0], labels[labels >= 0]
    draws = torch.Generator().manual_seed(derive(seed, "samples"))
    samples = DrawnRows().stored(
        network.sample(torch.from_numpy(labels if network.classes else np.zeros_like(labels)), draws)
    )
    items = pd.DataFrame(
        {"id": [f"sample-{row}" for row in range(len(rows))], "label": labels if network.classes else -1}
    )
    items = items.assign(split=store.items["split"].to_numpy()[rows], group=np.arange(len(rows)), mask=-1)
    return Store(store.name, store.classes, samples, items, None, None, store.kind, store.sizes)


def nearest_rows(store: Store, made: NDArray[np.float32], held_out: NDArray[np.float32]) -> tuple[Nearest, Nearest]:
    """Return the nearest training rows of samples and of held-out rows, in vectors."""
    space = vectors(store)
    bank = torch.from_numpy(space(store.samples[store.rows("train")]))
    found = []
    for rows in (made, held_out):
        distances, places = closest(torch.from_numpy(space(rows)), bank, NEIGHBORS)
        found.append(of_neighbors(places.numpy(), distances.double().numpy()))
    return found[0], found[1]


def _utility(spec: EvaluateSpec, store: Store, made: Store, network: GenerativeModel, judge: Path) -> Any:
    classifier, test = read_judge(judge), labeled(store, "test")
    if not classifier.trained:
        return {"value": None, "reason": f"the estimator is not trained: {classifier.reason}"}
    if not network.classes:
        return {"value": None, "reason": "the model is unconditional, so its samples have no class to learn"}
    if not len(test):
        return {"value": None, "reason": "no test row has a class"}
    assert spec.again is not None, "the spec of rows says how the estimator is trained"
    again, _ = judging(spec.again, made, log=silent)
    with torch.inference_mode():
        real = classifier.probabilities(store.samples[test])
        synthetic = predict(lambda batch: again(batch).float().softmax(1), store.samples, test)
    generator = np.random.default_rng(derive(spec.seed, "bootstrap"))
    return utility.compared(real, synthetic, store.labels[test], generator=generator)


def _free(name: str, table: pd.DataFrame) -> str:
    while name in table.columns:
        name = f"_{name}"
    return name


def _scalars(result: dict[str, Any]) -> dict[str, float]:
    """Return the main numbers for the log."""
    numbers = {
        "test/columns": result["columns"]["mean"],
        "test/near_copies": result["memorization"]["near_copies"]["value"],
    }
    for part in utility.PARTS:
        for measure, found in result["utility"].get(part, {}).items():
            if found["value"] is not None:
                numbers[f"test/{part}/{measure}"] = found["value"]
    return numbers
