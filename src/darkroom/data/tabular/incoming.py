"""Rows of new tables, encoded as those that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from darkroom import files
from darkroom.data.incoming import Rows
from darkroom.data.item import readable
from darkroom.data.place import Listing
from darkroom.data.store import COLUMNS_FILE, PREPARATION
from darkroom.data.tabular import file
from darkroom.data.tabular.columns import Column, read_column, rows_of

BATCH = 1024
"""Rows at a time."""


def read_columns(folder: Path) -> list[Column]:
    """Read the columns of the table that a model was trained on. Raises FileNotFoundError if its folder does not say."""
    if not (folder / COLUMNS_FILE).exists():
        raise FileNotFoundError(f"{folder} does not say which columns its table had: there is no {COLUMNS_FILE}")
    return [read_column(found) for found in files.read_json(folder / COLUMNS_FILE)]


def class_column(folder: Path) -> str:
    """Return the name of the column of the class in the table that a model was trained on."""
    return str(files.read_json(folder / PREPARATION)["class"])


def batches(listing: Listing, columns: list[Column]) -> Iterator[Rows]:
    """Yield the rows of all files in order, named by file and row as in the source, and what the listing left out."""
    for name in listing.names:
        shown = readable(name)
        try:
            found = rows_of(file.read(listing.path(name), shown), columns)
        except ValueError as problem:
            yield Rows([shown], None, str(problem))
            continue
        for start in range(0, len(found), BATCH):
            part = found[start : start + BATCH]
            yield Rows([f"{shown} row {row}" for row in range(start + 2, start + 2 + len(part))], part)
    for unused in listing.unused:
        yield Rows([readable(unused.origin)], None, unused.reason)
