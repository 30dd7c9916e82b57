"""What an operator says of scored images: a table with the columns file and verdict."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data import incoming
from darkroom.data.preparation import Preparation
from darkroom.data.store import Store

FALSE_ALARM, MISS, RIGHT = "false alarm", "miss", "right"
VERDICTS = (FALSE_ALARM, MISS, RIGHT)
MOST = 5
"""Names in an error."""


def read(path: Path) -> dict[str, str]:
    """Return the verdict of each file, sorted by name; rows without one are skipped, so that scores.csv can be filled in.

    Raises ValueError for other columns and verdicts, for a file with two verdicts, and if there are none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := [name for name in ("file", "verdict") if name not in (reader.fieldnames or ())]:
                have = ", ".join(map(settings.printable, reader.fieldnames or ())) or "nothing"
                raise ValueError(f"--verdicts: {path} has no column {' or '.join(missing)}; it has {have}")
            rows = [(row["file"] or "", (row["verdict"] or "").strip().lower()) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"--verdicts: cannot read {path}: {error}") from None
    found: dict[str, str] = {}
    for number, (file, verdict) in enumerate(rows, start=2):
        if not verdict:
            continue
        where = f"--verdicts: {path} row {number}"
        if not file:
            raise ValueError(f"{where}: a verdict without a file")
        if verdict not in VERDICTS:
            raise ValueError(f"{where}: got {settings.quoted(verdict)}; expected {', '.join(VERDICTS[:-1])} or {RIGHT}")
        if found.setdefault(file, verdict) != verdict:
            raise ValueError(
                f"{where}: {settings.quoted(file)} is called {found[file]} and {verdict}; keep one of the rows"
            )
    if not found:
        raise ValueError(f"--verdicts: {path} has no verdicts")
    return dict(sorted(found.items()))


@dataclass(frozen=True, eq=False)
class Judged:
    """Images with a verdict, prepared."""

    files: tuple[str, ...]
    verdicts: tuple[str, ...]
    images: NDArray[Any]  # (N, H, W, C)


def judged(verdicts: dict[str, str], folder: Path, preparation: Preparation) -> Judged:
    """Read and prepare the images in a folder that have verdicts. Raises ValueError naming those that cannot be read."""
    read_ = []
    root = folder.resolve()
    with incoming.quiet():
        for name in verdicts:
            path = folder / name
            inside = path.resolve().is_relative_to(root)
            read_.append(incoming.read(name, path, preparation) if inside else _outside(name))
    problems = [f"{settings.quoted(one.file)}: {one.note}" for one in read_ if one.image is None]
    if problems:
        raise ValueError(f"--verdicts: {_listed(problems)}; files are looked for in {folder}, see --images")
    images = incoming.prepared([one.image for one in read_ if one.image is not None], preparation)
    return Judged(tuple(verdicts), tuple(verdicts.values()), images)


def known(given: Judged, store: Store) -> dict[str, int]:
    """Count the images that are also in the validation and in the test split, pixel by pixel; splits with none are left out."""
    own = {image.tobytes() for image in given.images}
    counts = {}
    for split in ("val", "test"):
        there = own & {np.asarray(store.samples[row]).tobytes() for row in store.rows(split)}
        counts[split] = sum(image.tobytes() in there for image in given.images)
    return {split: count for split, count in counts.items() if count}


def _outside(name: str) -> incoming.Incoming:
    return incoming.Incoming(name, None, "outside of the folder of images")


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
    return "; ".join(problems[:MOST]) + more
