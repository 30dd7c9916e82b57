"""Tables with one row per image that are written as the rows come, in constant memory: CSV or Parquet."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from darkroom import registry

Cells: TypeAlias = Literal["text", "number", "flag", "names"]
Columns: TypeAlias = Mapping[str, Cells]
"""The kind of value in each column; every cell may be None. `names` are lists of text, written as JSON in CSV files."""
FORMATS = ("csv", "parquet")
ROWS = 1024
"""Rows per row group of a Parquet file."""
PROGRESS = 64
"""Rows between two updates of the progress bar."""
BAR = 30
"""Characters of the progress bar."""


def file_name(stem: str, format: str) -> str:
    """Return the name of a table's file. Raises ValueError for an unknown format."""
    registry.known("--format", format, FORMATS)
    return f"{stem}.{format}"


def file_names(stem: str) -> list[str]:
    """Return what a table's file may be called, in any format."""
    return [file_name(stem, format) for format in FORMATS]


def write(path: Path, columns: Columns, rows: Iterable[Sequence[Any]], *, total: int | None) -> None:
    """Write rows to a file in the format of its suffix, with a progress bar on a terminal; `total` is None if unknown."""
    writer = _write_parquet if path.suffix == ".parquet" else _write_csv
    writer(path, columns, _shown(rows, total))


def progress(done: int, total: int | None, *, last: bool) -> None:
    """Draw a progress bar if standard error is a terminal, or without a known total a count; the `last` one ends its line."""
    if sys.stderr.isatty():
        bar = f"{done:,}" if total is None else f"{'█' * (BAR * done // max(total, 1)):░<{BAR}} {done:,} of {total:,}"
        print(f"\r{bar}", end="\n" if last else "", file=sys.stderr, flush=True)


def _shown(rows: Iterable[Sequence[Any]], total: int | None) -> Iterator[Sequence[Any]]:
    count = 0
    for count, row in enumerate(rows, start=1):
        yield row
        if count % PROGRESS == 0:
            progress(count, total, last=False)
    progress(count, total, last=True)


def _write_csv(path: Path, columns: Columns, rows: Iterable[Sequence[Any]]) -> None:
    texts = [AS_TEXT[kind] for kind in columns.values()]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            cells = zip(texts, row, strict=True)
            writer.writerow(["" if value is None else text(value) for text, value in cells])


def _write_parquet(path: Path, columns: Columns, rows: Iterable[Sequence[Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"text": pa.string(), "number": pa.float64(), "flag": pa.bool_(), "names": pa.list_(pa.string())}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    with path.open("wb") as stream, parquet.ParquetWriter(stream, schema) as writer:
        for group in _grouped(rows):
            arrays = [
                pa.array(cells, field.type) for cells, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _grouped(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    group: list[Sequence[Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


AS_TEXT: Mapping[Cells, Callable[[Any], Any]] = {
    "text": str,
    "number": float,
    "flag": lambda value: str(bool(value)).lower(),
    "names": lambda value: json.dumps(list(value), ensure_ascii=False),
}
"""What a CSV file holds for the values of each kind."""
