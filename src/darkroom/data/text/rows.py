"""Read tables of text row by row: CSV, TSV and other separated files, JSON lines, parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import settings
from darkroom.data.item import Unused
from darkroom.data.text import characters

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_LINES, PARQUET = (".jsonl", ".ndjson"), (".parquet",)
ENDINGS = (".csv", ".tsv", *JSON_LINES, *PARQUET)
"""Extensions of the files that are tables of text."""
LARGEST_CELL = 1 << 27
"""Characters in one cell; a quote that is never closed would otherwise take a whole file into memory."""

Row = dict[str, str]


class ColumnError(ValueError):
    """A table without a column that is needed; `found` says what it has instead."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(f"data.source: {found}. {advice}")
        self.found = found


@dataclass(frozen=True, kw_only=True)
class Format:
    """How to read a table; None means by the file's name and content."""

    columns: Sequence[str] | None = None
    """Names of the columns of a file without a header line."""
    separator: str | None = None
    quotes: bool | None = None
    encoding: str | None = None


def read(
    path: Path, name: str, how: Format, needed: Sequence[str], wanted: Sequence[str] = ()
) -> Iterator[Row | Unused]:
    """Yield the rows of a table in order, with the columns in `needed` and those in `wanted` that it has, as text.

    A row that cannot be read is yielded as unused, named by `name` and its number. Missing values are empty. Raises
    ValueError naming the config key if the file cannot be read or lacks a column.
    """
    ending = path.suffix.lower()
    try:
        if is_parquet(path, how):
            yield from _parquet(path, name, needed, wanted)
        elif how.separator is None and ending in JSON_LINES:
            yield from _json_lines(path, name, how, needed, wanted)
        else:
            yield from _separated(path, name, how, needed, wanted)
    except (OSError, UnicodeError, csv.Error) as error:
        hint = "; if a quote is opened and never closed, set data.source.quotes to false"
        raise ValueError(
            f"data.source.path: {name} cannot be read as a table: {error}{hint if isinstance(error, csv.Error) else ''}"
        ) from None


def is_parquet(path: Path, how: Format) -> bool:
    """Return whether a file is read as parquet."""
    return how.separator is None and path.suffix.lower() in PARQUET


def encoding(path: Path, name: str, how: Format) -> str:
    """Return the encoding to read a file in, utf-8 for parquet. Raises ValueError with the config key for what is not text."""
    if is_parquet(path, how):
        return "utf-8"
    if how.encoding is not None:
        return characters.known(how.encoding)
    try:
        return characters.encoding_of(path)
    except ValueError as error:
        raise ValueError(f"data.source.path: {name}: {error}; if it is text, set data.source.encoding") from None


def _separated(
    path: Path, name: str, how: Format, needed: Sequence[str], wanted: Sequence[str]
) -> Iterator[Row | Unused]:
    separator = how.separator or SEPARATORS.get(path.suffix.lower(), "\t")
    quotes = separator == "," if how.quotes is None else how.quotes
    with path.open(encoding=encoding(path, name, how), errors="replace", newline="" if quotes else None) as stream:
        lines = _quoted(stream, separator) if quotes else _plain(stream, separator, how.columns)
        header: list[str] | None = None if how.columns is None else [*how.columns]
        for number, cells in lines:
            if header is None:
                header = [cell.strip() for cell in cells]
                check(header, needed, name, ", or data.source.columns if the file has no header line")
                continue
            if not any(cells):
                continue
            if len(cells) != len(header):
                yield Unused(
                    f"{name} line {number}", f"{len(cells)} cells; expected {len(header)}: {', '.join(header)}"
                )
                continue
            row = dict(zip(header, cells, strict=True))
            yield {column: row[column] for column in (*needed, *wanted) if column in row}


def _plain(stream: Any, separator: str, columns: Sequence[str] | None) -> Iterator[tuple[int, list[str]]]:
    """Split lines without quotes; the last column takes the rest of its line."""
    count = len(columns) if columns else 0
    for number, line in enumerate(stream, start=1):
        cells = line.rstrip("\n").split(separator, count - 1) if count else line.rstrip("\n").split(separator)
        count = count or len(cells)
        yield number, cells


def _quoted(stream: Any, separator: str) -> Iterator[tuple[int, list[str]]]:
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        reader = csv.reader(stream, delimiter=separator, strict=True)
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from None
    finally:
        csv.field_size_limit(before)


def _json_lines(
    path: Path, name: str, how: Format, needed: Sequence[str], wanted: Sequence[str]
) -> Iterator[Row | Unused]:
    with path.open(encoding=encoding(path, name, how), errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{name} line {number}"
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                yield Unused(where, "not JSON")
                continue
            missing = [column for column in needed if column not in found] if isinstance(found, dict) else needed
            if missing:
                yield Unused(where, f"no {' and no '.join(missing)}")
                continue
            yield {column: _text(found[column]) for column in (*needed, *wanted) if column in found}


def _parquet(path: Path, name: str, needed: Sequence[str], wanted: Sequence[str]) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        check(file.schema_arrow.names, needed, name, "")
        columns = [column for column in (*needed, *wanted) if column in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=1024, columns=columns):
            for row in batch.to_pylist():
                yield {column: _text(row[column]) for column in columns}
    except pyarrow.ArrowException as error:
        raise ValueError(f"data.source.path: {name} cannot be read as parquet: {error}") from None


def check(columns: Sequence[str], needed: Sequence[str], name: str, more: str) -> None:
    """Raise ValueError unless a table's columns are distinct and contain those that are needed."""
    if twice := sorted({column for column in columns if columns.count(column) > 1 and column}):
        raise ValueError(f"data.source.path: {name} has two columns {settings.quoted(twice[0])}; rename one")
    for column in needed:
        if column not in columns:
            there = ", ".join(settings.quoted(column[:40]) for column in columns[:12])
            raise ColumnError(
                f"{name} has no column {settings.quoted(column)}; it has {there}",
                f"Name the columns in data.source.text and data.source.label{more}",
            )


def _text(value: Any) -> str:
    """Return a cell as text: None is empty, whole floats and booleans are numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return "" if value != value else f"{value:.15g}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
