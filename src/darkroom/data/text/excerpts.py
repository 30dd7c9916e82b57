"""Excerpts for the data card: examples of every class, and near-duplicates side by side."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from darkroom.data.store import Store

EXAMPLES, ALIKE = "examples.csv", "alike.csv"
SHOWN = 3
"""Examples per class."""
CLASSES = 16
"""Classes with examples, the first ones."""
PAIRS = 20
LENGTH = 200
"""Characters of an excerpt."""


def write(root: Path, store: Store, groups: Sequence[Sequence[str]]) -> None:
    """Write `examples.csv`, training texts spread evenly over each class, and `alike.csv`, two texts of each group of ids."""
    table = store.items
    train = (table["split"] == "train").to_numpy()
    texts = table["text"].tolist()
    chosen = {name: train & (table["label"] == label).to_numpy() for label, name in enumerate(store.classes)}
    rows = []
    for name, members in list((chosen or {"": train}).items())[:CLASSES]:
        places = np.flatnonzero(members)
        spread = np.unique(np.linspace(0, len(places) - 1, min(SHOWN, len(places))).round().astype(int))
        rows += [(name, excerpt(texts[row])) for row in places[spread].tolist()]
    _write(root / EXAMPLES, ("class", "text"), rows)
    row_of = {id_: row for row, id_ in enumerate(table["id"].tolist())}
    pairs = [[excerpt(texts[row_of[id_]]) for id_ in ids[:2]] for ids in groups[:PAIRS]]
    if pairs:
        _write(root / ALIKE, ("text", "near-duplicate"), pairs)


def excerpt(text: str) -> str:
    """Return the start of a text on one line."""
    line = " ".join(text[: 2 * LENGTH].split())
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 1]}…"


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
