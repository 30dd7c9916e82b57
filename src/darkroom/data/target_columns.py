"""Which columns of a table hold labels or numbers, and whether the table has them. Loads neither numpy nor pandas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from darkroom import settings
from darkroom.data.options import LabelColumn, Labels

TABLES = (".csv", ".tsv", ".parquet")
"""Endings of tables that list samples in files."""

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def columns(labels: Labels | None, numbers: Sequence[str] | None) -> list[str]:
    """Return the columns that hold the target; none if it is one class."""
    if isinstance(labels, LabelColumn):
        return [labels.column]
    return [*(labels or numbers or [])]


def problem(known: Sequence[str], labels: Labels | None, numbers: Sequence[str] | None, table: str) -> str | None:
    """Return why a table with the columns `known` cannot hold the target, on one line; None if it can."""
    asked, key = columns(labels, numbers), "data.source.numbers" if labels is None else "data.source.labels"
    for name in asked:
        if name not in known:
            return f"{key}: {table} has no column {settings.quoted(name)}.{settings.choice(name, known)}"
    if labels is not None and "label" in known and "label" not in asked:
        return (
            f"{key}: {table} has a column label, for one class per image, beside {', '.join(asked)}; remove or rename the "
            "column, or remove labels from data.source"
        )
    return None


def header(table: Path) -> list[str] | None:
    """Return the column names of a CSV or TSV file; None for other files, and for what cannot be read."""
    separator = SEPARATORS.get(table.suffix.lower())
    if separator is None or not table.is_file():
        return None
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            first = next(csv.reader(stream, delimiter=separator, skipinitialspace=True), None)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    return first and [name.strip() for name in first]
