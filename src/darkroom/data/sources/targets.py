"""Read labels or numbers from the columns of a table, and refuse what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from darkroom import settings
from darkroom.data.item import class_name, ordered
from darkroom.data.options import LabelColumn, Labels
from darkroom.data.target import Target

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
BINARY = {"0": 0.0, "0.0": 0.0, "false": 0.0, "1": 1.0, "1.0": 1.0, "true": 1.0}
LARGEST = float(np.finfo(np.float32).max)
CURE = "leave the cell empty if the image has no target"

Values = tuple[float, ...]


class Targets(NamedTuple):
    """The target of a table, the values of each row (None if it has none), and what to warn about."""

    target: Target
    values: list[Values | None]
    warnings: tuple[str, ...]


def read(rows: pd.DataFrame, labels: Labels | None, numbers: Sequence[str] | None, table: str) -> Targets | None:
    """Return the targets in the text columns of a table; None if its target is one class.

    A row with an empty cell has no target. Raises ValueError, naming key, row and cure, for cells that are neither 0 nor 1
    (labels) or not a finite number (numbers), and if no row has a target.
    """
    if isinstance(labels, LabelColumn):
        return _listed(rows[labels.column].tolist(), labels, table)
    if labels is not None:
        key, names = "data.source.labels", labels
        found = [_binary(rows[name].tolist(), f"{key}: {table}", name) for name in names]
        target = Target("labels", tuple(names))
    elif numbers is not None:
        key, names = "data.source.numbers", [*numbers]
        found = [_numeric(rows[name].tolist(), f"{key}: {table}", name) for name in names]
        target = Target("numbers", tuple(names))
    else:
        return None
    cells = [*zip(*found, strict=True)]
    values = [None if None in row else row for row in cells]
    if not any(value is not None for value in values):
        raise ValueError(f"{key}: {table}: no row has a value in every column of {', '.join(names)}; fill them in")
    if target.kind == "labels" and not any(value and any(value) for value in values):
        raise ValueError(f"{key}: {table}: no image has any of the labels {', '.join(names)}; mark those it has with 1")
    partial = sum(None in row and any(cell is not None for cell in row) for row in cells)
    warned = f"rows with values in some target columns only, used as images without a target: {partial}"
    return Targets(target, values, (warned,) if partial else ())


def _binary(cells: Sequence[str], where: str, name: str) -> list[float | None]:
    """Return 0 or 1 for each cell of a label's column, None for empty ones."""
    found: list[float | None] = []
    for number, cell in enumerate(cells, start=2):
        text = cell.strip().lower()
        if text and text not in BINARY:
            raise ValueError(f"{where} row {number}: {name} is {settings.quoted(cell)}; expected 0 or 1; {CURE}")
        found.append(BINARY[text] if text else None)
    return found


def _numeric(cells: Sequence[str], where: str, name: str) -> list[float | None]:
    """Return the number in each cell of a column, None for empty ones."""
    found: list[float | None] = []
    for number, cell in enumerate(cells, start=2):
        text = cell.strip()
        if not text:
            found.append(None)
            continue
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise ValueError(f"{where} row {number}: {name} is {text}; expected a finite number; {CURE}")
        if not NUMBER.fullmatch(text):
            count = sum(bool(NUMBER.fullmatch(other.strip())) for other in cells if other.strip())
            mixed = f"; the column mixes text and numbers ({count} of {len(cells)} cells)" if count else ""
            raise ValueError(
                f"{where} row {number}: {name} is {settings.quoted(cell)}, which is no number{mixed}; write numbers only, as "
                f"in 12.5; {CURE}"
            )
        value = float(text)
        if abs(value) > LARGEST:
            raise ValueError(
                f"{where} row {number}: {name} is {text}, beyond what 32-bit numbers hold; change its unit"
            )
        found.append(value)
    return found


def _listed(cells: Sequence[str], labels: LabelColumn, table: str) -> Targets:
    """Return the targets of a column that lists the labels of each image."""
    sets = [
        {class_name(part.strip()) for part in cell.split(labels.separator) if part.strip()} if cell.strip() else None
        for cell in cells
    ]
    names = ordered(name for found in sets for name in found or ())
    if not names:
        raise ValueError(
            f"data.source.labels.column: {table}: the column {labels.column} names no label; write them as in "
            f"apple{labels.separator}banana"
        )
    values = [None if found is None else tuple(float(name in found) for name in names) for found in sets]
    return Targets(Target("labels", names), values, ())
