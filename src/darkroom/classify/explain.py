"""The job `classify explain`: show why classifiers err, for the first seed of each.

explanation.json has for every classifier its strips of images, its confused pairs, the conditions under which it errs more
often, and its embedding of the test images; for the data set, the shortcuts to the class. The images lie in sheets beside it.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from darkroom import files
from darkroom.classify.config import ExplainedClassifier, ExplainSpec
from darkroom.classify.explanation import attributes, mistakes
from darkroom.classify.explanation.conditions import Condition, Finding, conditions, findings
from darkroom.classify.explanation.embedding import embed, on_grid
from darkroom.classify.explanation.mistakes import Answers
from darkroom.classify.explanation.pictures import Gallery, save_thumbnails
from darkroom.classify.explanation.shortcuts import shortcuts
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import Log
from darkroom.randomness import derive

ABOUT = "explanation.json"
POINTS, ALL_POINTS, FEWEST_POINTS = 1000, 6000, 200
"""Images on one embedding map, on all maps of a page together, and on one map however many there are."""
SHORTCUT_IMAGES = 5000
"""Images of the shortcut test: a random part of a larger set."""

Rows = NDArray[np.int64]


def run(spec: ExplainSpec, *, data: Path, attributes: Path, classifiers: Path, out: Path, log: Log) -> None:
    """Explain the classifiers below the folder `classifiers`; `attributes` has what was recorded of the original files.

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
            "classes": list(store.classes),
            "images": len(rows),
            "conditions": len(tested),
            "classifiers": explained,
            "shortcuts": found,
            "points": {
                "ids": [str(store.items["id"].iloc[row]) for row in rows[points]],
                "labels": store.labels[rows[points]].tolist(),
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
    """Explain one classifier; its sheets go into the folder `out`."""
    about = read_about(folder / "model")
    network = rebuild("network", folder / "model", about.shape, len(about.classes))
    table = pd.read_parquet(folder / "evaluation" / "predictions.parquet")
    answers = Answers(
        table[[f"p_plain_{k}" for k in range(len(store.classes))]].to_numpy(np.float64),
        table["label"].to_numpy(np.int64),
        table["prediction_plain"].to_numpy(np.int64),
    )
    gallery = Gallery(network, store, rows, answers)
    out.mkdir()
    return {
        "policy": one.policy,
        "model": one.model,
        "folder": out.name,
        "mistakes": int(answers.wrong.sum()),
        "saliency": gallery.method,
        "strips": {
            name: gallery.save(out, name, places) for name, places in mistakes.strips(answers).items() if len(places)
        },
        "pairs": [
            {**gallery.save(out, f"pair-{number}", pair.places), "true": pair.true, "predicted": pair.predicted}
            | {"count": pair.count}
            for number, pair in enumerate(mistakes.confused(answers))
        ],
        "conditions": [_condition(finding) for finding in findings(tested, answers.wrong, answers.labels)],
        "map": _map(network, store, rows, points, answers),
    }


def _attributes(store: Store, rows: Rows, recorded: Path) -> pd.DataFrame:
    """Tabulate the attributes of these images: of their pixels, and of their files."""
    table = attributes.of_files(recorded, store.items["id"].iloc[rows])
    table = table.assign(pixels=table["width"] * table["height"], aspect=table["width"] / table["height"])
    return pd.concat([attributes.measure(store, rows), table], axis=1)


def _shortcuts(store: Store, recorded: Path) -> list[dict[str, Any]]:
    """Test the shortcuts on labeled images of all splits, copies and groups together."""
    generator = np.random.default_rng(derive("shortcuts"))
    rows = np.flatnonzero(store.labels >= 0)
    if len(rows) > SHORTCUT_IMAGES:
        rows = np.sort(generator.choice(rows, SHORTCUT_IMAGES, replace=False))
    groups = store.items["group"].to_numpy(np.int64)[rows]
    return [asdict(one) for one in shortcuts(_attributes(store, rows, recorded), store.labels[rows], groups, generator)]


def _condition(finding: Finding) -> dict[str, Any]:
    about = asdict(finding)
    condition = about.pop("condition")
    return about | {key: condition[key] for key in ("attribute", "kind", "limit")}


def _points(images: int, classifiers: int) -> Rows:
    """Choose the test images that are on the embedding maps, the same ones for every classifier."""
    most = max(FEWEST_POINTS, min(POINTS, ALL_POINTS // max(classifiers, 1)))
    if images <= most:
        return np.arange(images)
    return np.sort(np.random.default_rng(derive("embedding map")).choice(images, most, replace=False))


def _map(network: Any, store: Store, rows: Rows, points: Rows, answers: Answers) -> dict[str, Any] | None:
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
        "predicted": answers.predicted[points].tolist(),
        "confidence": [round(value, 3) for value in answers.confidence[points].tolist()],
    }
