"""Read corrected labels from a table and apply them to a prepared set, whose splits stay as they are."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.data.item import class_name

if TYPE_CHECKING:  # planning imports this module; importing numpy would double its time
    import numpy as np
    from numpy.typing import NDArray

DROP = "drop"
"""In place of a label: leave the image out."""
KEY = "data.corrections"
MOST = 10
"""Problems that are listed."""


def read(path: Path) -> dict[str, str]:
    """Return the label, or `drop`, of each id in a CSV file with the columns id and label, sorted by id.

    Raises ValueError, one line per problem, for missing columns, empty cells and ids with two labels.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := {"id", "label"} - set(reader.fieldnames or ()):
                have = ", ".join(reader.fieldnames or ()) or "nothing"
                raise ValueError(f"{KEY}: {path} has no column {' or '.join(sorted(missing))}; it has {have}")
            rows = [
                (number, row["id"] or "", (row["label"] or "").strip()) for number, row in enumerate(reader, start=2)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{KEY}: cannot read {path}: {error}") from None
    found: dict[str, str] = {}
    problems = []
    for number, id_, label in rows:
        where = f"{KEY}: {path} row {number}"
        label = class_name(label)
        if not id_ or not label:
            cure = f"write a class, {DROP} to leave the image out of the set, or delete the row" if id_ else "write one"
            problems.append(f"{where}: no {'label' if id_ else 'id'}; {cure}")
        elif found.setdefault(id_, label) != label:
            first, second = settings.quoted(found[id_]), settings.quoted(label)
            problems.append(
                f"{where}: {settings.quoted(id_)} is corrected to {first} and to {second}; keep one of the rows"
            )
    _refuse(problems)
    return dict(sorted(found.items()))


def apply(
    corrected: Mapping[str, str], ids: Sequence[str], labels: NDArray[np.int64], classes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the corrected labels (N,) and which images stay (N,).

    Raises ValueError, one line per problem with the nearest name, for unknown ids and classes.
    """
    row = {id_: number for number, id_ in enumerate(ids)}
    _refuse([*_unknown(corrected, row, classes)])
    labels = labels.copy()
    stays: NDArray[np.bool_] = labels == labels
    for id_, label in corrected.items():
        if label == DROP:
            stays[row[id_]] = False
        else:
            labels[row[id_]] = classes.index(label)
    if not stays.any():
        raise ValueError(f"{KEY}: drops every image")
    return labels, stays


def _unknown(corrected: Mapping[str, str], row: Mapping[str, int], classes: Sequence[str]) -> Iterator[str]:
    if DROP in classes and DROP in corrected.values():
        yield f"{KEY}: {DROP} leaves images out, but is also the name of a class; rename the class"
    for id_, label in corrected.items():
        if id_ not in row:
            yield f"{KEY}: no image {settings.quoted(id_)}.{settings.nearest(id_, row)}"
        elif label != DROP and label not in classes:
            yield f"{KEY}: {settings.quoted(id_)}: no class {settings.quoted(label)}.{settings.choice(label, classes)}"


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = [f"{KEY}: and {len(problems) - MOST} more problems"] if len(problems) > MOST else []
        raise ValueError("\n".join([*problems[:MOST], *more]))
