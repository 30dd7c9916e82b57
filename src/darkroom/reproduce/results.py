"""What an experiment found: a value per seed for each of its results, in `measured.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from darkroom import files
from darkroom.log import Log
from darkroom.measure.intervals import Number, over_seeds
from darkroom.measure.proportion import wilson

FILE = "measured.json"
BOUNDS = {"accuracy": (0.0, 1.0), "auroc": (0.0, 1.0), "gain": (-1.0, 1.0)}
"""Of a mean, by what is measured."""


def write(
    found: Mapping[str, Sequence[float]],
    out: Path,
    *,
    tested: int,
    kind: Literal["accuracy", "auroc", "gain"],
    log: Log,
) -> None:
    """Write and log the values of each result; `tested` is the number of test items of a run."""
    values = {key: list(own) for key, own in found.items()}
    with files.folder(out) as fresh:
        files.write_json(fresh / FILE, {"values": values, "tested": tested, "kind": kind})
    log({f"reproduce/{key}": float(np.mean(own)) for key, own in values.items()})


def read(folder: Path) -> tuple[dict[str, Number], int]:
    """Return the mean of each result with its 95 % interval, and the number of test items.

    The interval is Student's t over the seeds. A single seed and seeds that all agree have Wilson's interval over the test
    items if they are accuracies, and none otherwise.
    """
    found = files.read_json(folder / FILE)
    kind, tested = found["kind"], found["tested"]
    means = {
        key: over_seeds([_one(value, tested, kind) for value in own], BOUNDS[kind])
        for key, own in found["values"].items()
    }
    return means, tested


def _one(value: float, tested: int, kind: str) -> Number:
    if kind != "accuracy":
        return Number(value)
    interval = wilson(round(value * tested), tested, reason="")
    return Number(value, interval["low"], interval["high"])
