"""The job `classify explain`: show why models err, for the first seed of each.

explanation.json has for every model its strips of images, the pairs of classes or labels that it mistakes, the conditions under
which it errs more, and its embedding of the test images; for the data set, the shortcuts to the target. The images lie in
sheets beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from darkroom import files
from darkroom.classify.config import ExplainedClassifier, ExplainSpec
from darkroom.classify.explanation import attributes
from darkroom.classify.explanation.conditions import Condition, Finding, conditions, findings
from darkroom.classify.explanation.embedding import embed, on_grid
from darkroom.classify.explanation.mistakes import Mistakes, Pair
from darkroom.classify.explanation.numbers import NumberErrors, quarters, rounded
from darkroom.classify.explanation.one_class import ClassMistakes
from darkroom.classify.explanation.pictures import Gallery, save_thumbnails
from darkroom.classify.explanation.several_labels import LabelMistakes
from darkroom.classify.explanation.shortcuts import shortcuts
from darkroom.data.store import SPLITS, Store, labeled, needed, open_store
from darkroom.data.target import Kind
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import Log
from darkroom.randomness import derive

ABOUT = "explanation.json"
POINTS, ALL_POINTS, FEWEST_POINTS = 1000, 6000, 200
"""Images on one embedding map, on all maps of a page together, and on one map however many there are."""
SHORTCUT_IMAGES = 5000
"""Images of the shortcut test: a random part of a larger set."""

Rows = NDArray[np.int64]
KINDS: dict[Kind, Callable[[pd.DataFrame, int], Mistakes]] = {
    "class": ClassMistakes.read,
    "labels": LabelMistakes.read,
    "numbers": NumberErrors.read,
}


def run(spec: ExplainSpec, *, data: Path, attributes: Path, classifiers: Path, out: Path, log: Log) -> None:
    """Explain the models below the folder `classifiers`; `attributes` has what was recorded of the original files.

    Raises ValueError if the test split has no labeled image.
    """
    torch.set_num_threads(1)  # floating-point sums depend on it
    started = time.monotonic()
    store = open_store(data)
    rows = needed(store, "test")
    tested = conditions(_attributes(store, rows, attributes))
    points = _points(len(rows), len(spec.classifiers))
    with files.folder(out) as fresh:
        explained = [
            _explained(one, classifiers / one.folder, store, rows, points, tested, fresh / f"{number:03d}")
            for number, one in enumerate(spec.classifiers)
        ]
        found = _shortcuts(store, attributes)
        about = {
            "target": store.target.kind,
            "names": list(store.target.names),
            "images": len(rows),
            "conditions": len(tested),
            "classifiers": explained,
            "shortcuts": found,
            "points": {
                "ids": [str(store.items["id"].iloc[row]) for row in rows[points]],
                "truth": _truth(store, rows[points]),
                **save_thumbnails(fresh, store, rows[points].tolist()),
            },
        }
        files.write_json(fresh / ABOUT, about)
        files.write_json(fresh / files.TIMING, {"seconds": time.monotonic() - started})
    log(
        {
            "explain/shortcuts": sum(one["found"] for one in found),
            "explain/conditions": sum(len(one["conditions"]) for one in explained),
        }
    )


def _explained(
    one: ExplainedClassifier,
    folder: Path,
    store: Store,
    rows: Rows,
    points: Rows,
    tested: list[Condition],
    out: Path,
) -> dict[str, Any]:
    """Explain one model; its sheets go into the folder `out`."""
    about = read_about(folder / "model")
    names = about.target.names
    network = rebuild("network", folder / "model", about.shape, len(names))
    table = pd.read_parquet(folder / "evaluation" / "predictions.parquet")
    answers = KINDS[about.target.kind](table, len(names))
    gallery = Gallery(network, store, rows, answers)
    out.mkdir()
    pairs, tested_pairs = answers.pairs()
    errors = answers.errors()
    return {
        "policy": one.policy,
        "model": one.model,
        "folder": out.name,
        "mistakes": answers.mistakes,
        "saliency": gallery.method,
        "strips": {
            name: gallery.save(out, name, shown) for name, shown in answers.strips().items() if len(shown.places)
        },
        "pairs": [
            {**gallery.save(out, f"pair-{number}", pair.shown), **_pair(pair)} for number, pair in enumerate(pairs)
        ],
        "tested_pairs": tested_pairs,
        "tests": len(tested) * sum(bool(one.values.any()) for one in errors),
        "conditions": [_condition(finding) for finding in findings(tested, errors)],
        "map": _map(network, store, rows, points, answers),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {name: value for name, value in vars(pair).items() if name != "shown"}


def _truth(store: Store, rows: Rows) -> list[Any]:
    """Return the class of images, their labels, or their numbers."""
    if store.target.kind == "class":
        return list(store.labels[rows].tolist())
    values = store.targets[rows]
    if store.target.kind == "numbers":
        return rounded(values.astype(np.float64))
    return [np.flatnonzero(row > 0).tolist() for row in values]


def _attributes(store: Store, rows: Rows, recorded: Path) -> pd.DataFrame:
    """Tabulate the attributes of these images: of their pixels, and of their files."""
    table = attributes.of_files(recorded, store.items["id"].iloc[rows])
    table = table.assign(pixels=table["width"] * table["height"], aspect=table["width"] / table["height"])
    return pd.concat([attributes.measure(store, rows), table], axis=1)


def _shortcuts(store: Store, recorded: Path) -> list[dict[str, Any]]:
    """Test the shortcuts on labeled images of all splits, copies and groups together."""
    generator = np.random.default_rng(derive("shortcuts"))
    rows = np.sort(np.concatenate([labeled(store, split) for split in SPLITS]))
    if len(rows) > SHORTCUT_IMAGES:
        rows = np.sort(generator.choice(rows, SHORTCUT_IMAGES, replace=False))
    groups = store.items["group"].to_numpy(np.int64)[rows]
    columns = store.targets[rows]
    if store.target.kind == "numbers":
        columns = np.stack([quarters(column) for column in columns.T], 1)
    found = shortcuts(_attributes(store, rows, recorded), columns.astype(np.int64), groups, generator)
    return [asdict(one) for one in found]


def _condition(finding: Finding) -> dict[str, Any]:
    about = asdict(finding)
    condition = about.pop("condition")
    return about | {key: condition[key] for key in ("attribute", "kind", "limit")}


def _points(images: int, classifiers: int) -> Rows:
    """Choose the test images that are on the embedding maps, the same ones for every model."""
    most = max(FEWEST_POINTS, min(POINTS, ALL_POINTS // max(classifiers, 1)))
    if images <= most:
        return np.arange(images)
    return np.sort(np.random.default_rng(derive("embedding map")).choice(images, most, replace=False))


def _map(network: Any, store: Store, rows: Rows, points: Rows, answers: Mistakes) -> dict[str, Any] | None:
    """Embed these test images by the network's features; None if it has none or nothing varies."""
    if not hasattr(network, "features"):
        return None
    found = embed(predict(network.features, store.samples, rows[points]), derive("t-SNE"))
    if found is None:
        return None
    return {
        "pca": on_grid(found.pca),
        "tsne": on_grid(found.tsne),
        "explained": list(found.explained),
        **answers.points(points),
    }
