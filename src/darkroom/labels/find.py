"""The job `labels find`: rank the labels that are probably wrong.

suspects.csv     the suspects, the most suspicious first: id, split, given and suggested label, score, the judges' probabilities
                 and the neighbors' votes for both, and copies or near-duplicates with another label
labels.json      the estimated number of images by label and actual class, the share of labels that the judges agree with, and
                 the suspects that the report shows, whose images lie in sheets beside it: the image, the most similar image
                 with its label, and with the suggested one
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from darkroom import files, sheets
from darkroom.data.store import Store, open_store
from darkroom.labels.confident import suspects
from darkroom.labels.config import FindSpec
from darkroom.labels.evidence import Evidence, collect, conflicts
from darkroom.log import Log
from darkroom.nets import pretrained

ABOUT, TABLE = "labels.json", "suspects.csv"
SIDE = 96
"""Longer side of an image in pixels."""


def run(spec: FindSpec, *, data: Path, models: Path, weights: Path | None = None, out: Path, log: Log) -> None:
    """Find suspects among the labeled images of the prepared store `data`, by the judges `models`/fold-F.

    Labels are ranked by the probability that they are wrong, and as many are suspects as are estimated to be wrong; images with
    a copy or near-duplicate of another label are suspects, too.
    """
    torch.set_num_threads(1)  # sums depend on the number of threads
    started = time.monotonic()
    spec, store = pretrained.localized(spec, weights), open_store(data)
    evidence, twins = collect(spec, store, models), conflicts(store, data)
    actual = evidence.actual()
    own = np.arange(len(actual)), evidence.labels
    score, others = 1 - actual[own], actual.copy()
    others[own] = -1
    suggested, estimated = others.argmax(1), np.zeros((len(store.classes), len(store.classes)))
    np.add.at(estimated, evidence.labels, actual)
    ids = store.items["id"].to_numpy(dtype=object)[evidence.rows]
    chosen = suspects(score) | np.isin(ids, list(twins))
    places = np.flatnonzero(chosen)
    places = places[np.argsort(-score[places], kind="stable")]
    entries = [
        _entry(store, evidence, int(place), int(suggested[place]), float(score[place]), twins) for place in places
    ]
    with files.folder(out) as fresh:
        _write_table(fresh / TABLE, entries)
        shown = places[: spec.examples]
        about = {
            "classes": list(store.classes),
            "images": len(evidence.rows),
            "suspects": len(entries),
            "twins": len(twins),
            "folds": spec.folds,
            "agreed": float((evidence.judged.argmax(1) == evidence.labels).mean()),
            "estimated": estimated.round(2).tolist(),
            "shown": entries[: spec.examples],
            "strip": _strip(fresh, store, evidence, shown, suggested) if len(shown) else None,
        }
        files.write_json(fresh / ABOUT, about)
        files.write_json(fresh / files.TIMING, {"seconds": time.monotonic() - started})
    log({"labels/suspects": len(entries), "labels/share": len(entries) / max(len(evidence.rows), 1)})


def _entry(
    store: Store, evidence: Evidence, place: int, suggested: int, score: float, twins: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    item, given = store.items.iloc[evidence.rows[place]], int(evidence.labels[place])
    return {
        "id": str(item["id"]),
        "split": str(item["split"]),
        "given": store.classes[given],
        "suggested": store.classes[suggested],
        "score": round(score, 4),
        "p_given": round(float(evidence.judged[place, given]), 4),
        "p_suggested": round(float(evidence.judged[place, suggested]), 4),
        "votes_given": round(float(evidence.voted[place, given]), 4),
        "votes_suggested": round(float(evidence.voted[place, suggested]), 4),
        "twins": " ".join(twins.get(str(item["id"]), ())),
    }


def _write_table(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    columns = (
        "id",
        "split",
        "given",
        "suggested",
        "score",
        "p_given",
        "p_suggested",
        "votes_given",
        "votes_suggested",
        "twins",
    )
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)


def _strip(folder: Path, store: Store, evidence: Evidence, places: Any, suggested: Any) -> dict[str, Any]:
    """Write each suspect beside the most similar images with its label and with the suggested one; gray if there is none."""

    def panel(row: int) -> Any:
        if row < 0:
            return np.full_like(panel(int(evidence.rows[0])), 128)
        return sheets.rgb(sheets.reduced(np.asarray(store.samples[row]), SIDE))

    return sheets.save_strip(
        folder,
        "suspects",
        (
            {
                "image": panel(int(evidence.rows[place])),
                "given": panel(int(evidence.nearest[place, evidence.labels[place]])),
                "suggested": panel(int(evidence.nearest[place, suggested[place]])),
            }
            for place in places.tolist()
        ),
    )
