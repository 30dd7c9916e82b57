"""What the columns of a table hold, and the numbers that stand for their cells.

A store of a table holds one float32 per cell:

number     the number; NaN if the cell is empty
date       days since 1970-01-01; a float32 of today's dates resolves three minutes
category   0, 1, ... K-1 for the categories that the training rows have, K for any other one, NaN if the cell is empty
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from darkroom.settings import choice, quoted

Kind = Literal["number", "category", "date"]
Choice = Literal["number", "category", "date", "drop"]
NUMBERLESS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "?", "-")
"""Cells that are missing values in columns of numbers and dates; categories may have these names."""
COMMA = r"^[+-]?\d+(,\d+)?$"
MOST_CATEGORIES = 1000
"""Maximum number of categories per column; rarer ones count as unseen."""
MANY, SHARE = 50, 0.5
"""A text column whose distinct values exceed both this count and this share of the rows is an id or free text."""
DAY = 86_400


@dataclass(frozen=True)
class Column:
    """A column of a prepared table."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()

    def saved(self) -> dict[str, Any]:
        """Return what columns.json holds of it."""
        return asdict(self)


def read_column(found: Mapping[str, Any]) -> Column:
    """Return a column as columns.json holds it."""
    return Column(found["name"], found["kind"], tuple(found["categories"]))


@dataclass(frozen=True)
class Parsed:
    """Numbers (N,) float64 of a column, NaN where a cell is empty, or its categories as text, None where empty."""

    kind: Kind
    numbers: NDArray[np.float64] | None = None
    texts: NDArray[Any] | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell (N,) is empty."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.texts is not None
        return np.array([text is None for text in self.texts], np.bool_)

    def constant(self, rows: NDArray[np.int64]) -> bool:
        """Return whether these rows are all missing, or all hold the same value."""
        missing = self.missing[rows]
        known = (self.texts if self.numbers is None else self.numbers)[rows][~missing]  # type: ignore[index]
        return len(known) == 0 or (not missing.any() and bool((known == known[0]).all()))


def parse(column: pa.ChunkedArray, name: str, kind: Choice | None) -> tuple[Parsed | None, str]:
    """Read a column as a kind, inferred if None. Return None for one to leave out, and a remark, empty if there is none.

    Raises ValueError with the config key if the column does not hold what the config says.
    """
    if kind == "drop":
        return None, ""
    texts = _texts(column)
    numbers = None if texts is not None else _plain(column)
    if kind == "category":
        return Parsed("category", texts=objects(column if texts is None else texts)), ""
    if numbers is not None:
        dated = pa.types.is_temporal(column.type)
        if kind is not None and (kind == "date") != dated:
            raise ValueError(f"data.source.columns.{name}: the column holds {column.type}, not {kind}s")
        return Parsed("date" if dated else "number", numbers), ""
    assert texts is not None
    if not len(texts.drop_null()):
        return None, f"column {name} is empty: left out"
    if kind == "number":
        return _forced(texts, name)
    found = _cast(texts, pa.float64()) if kind is None else None
    if found is not None:
        return Parsed("number", found), ""
    found = _cast(texts, pa.timestamp("s"))
    if found is not None:
        return Parsed("date", found / DAY), ""
    if kind == "date":
        raise ValueError(
            f"data.source.columns.{name}: {quoted(_odd(texts, pa.timestamp('s')))} is not a date; expected 2026-11-29 or "
            "2026-11-29 12:30:00 in every cell"
        )
    distinct = pc.count_distinct(texts).as_py()
    if distinct > max(MANY, SHARE * len(texts)):
        return None, (
            f"column {name} has {distinct} distinct texts in {len(texts)} rows, as an id or free text has: left out; to keep "
            f"it, set data.source.columns.{name} to category or number"
        )
    return Parsed("category", texts=objects(texts)), ""


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return a text column trimmed, empty cells as null; None for other types."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string()) if pa.types.is_boolean(column.type) else None
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _plain(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers, or days since 1970, of a typed column; infinite numbers count as missing."""
    if pa.types.is_temporal(column.type):
        seconds = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        return np.asarray(seconds.cast(pa.float64()).to_numpy(), np.float64) / DAY
    try:
        numbers = np.array(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    except pa.ArrowException:
        raise ValueError(f"a column of type {column.type} is neither numbers, text nor dates; drop it") from None
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _cast(texts: pa.ChunkedArray, kind: pa.DataType) -> NDArray[np.float64] | None:
    """Return the column as numbers or seconds since 1970; None if one of its cells is neither that nor missing."""
    known = pc.if_else(pc.is_in(texts, pa.array(NUMBERLESS)), None, texts)
    if not len(known.drop_null()):
        return None
    if kind == pa.float64() and pc.all(pc.match_substring_regex(known, COMMA)).as_py():
        known = pc.replace_substring(known, ",", ".")
    try:
        found = known.cast(kind)
    except pa.ArrowInvalid:
        return None
    if kind != pa.float64():
        found = found.cast(pa.int64()).cast(pa.float64())
    numbers = np.array(found.to_numpy(), np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _forced(texts: pa.ChunkedArray, name: str) -> tuple[Parsed, str]:
    """Read a column as numbers because the config says so; other texts count as missing."""
    numbers, odd = np.full(len(texts), np.nan), []
    for row, text in enumerate(texts.to_pylist()):
        try:
            numbers[row] = float(text.replace(",", ".")) if text is not None else np.nan
        except ValueError:
            odd += [] if text in NUMBERLESS else [text]
    if not np.isfinite(numbers).any():
        raise ValueError(f"data.source.columns.{name}: number, but no cell is one; the first is {quoted(odd[0])}")
    remark = f"column {name}: {len(odd)} texts such as {quoted(odd[0])} read as missing numbers" if odd else ""
    return Parsed("number", np.where(np.isfinite(numbers), numbers, np.nan)), remark


def _odd(texts: pa.ChunkedArray, kind: pa.DataType) -> str:
    """Return the first cell that cannot be cast."""
    for text in texts.drop_null().to_pylist():
        if text not in NUMBERLESS and _cast(pa.chunked_array([[text]]), kind) is None:
            return str(text)
    return ""


def objects(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return cells as text objects, None where empty; whole numbers without `.0`."""
    cells = column.to_pylist()
    shown = [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]
    return np.array([None if cell is None or cell != cell else str(cell) for cell in shown], dtype=object)


def column_of(parsed: Parsed, name: str, train: NDArray[np.int64]) -> Column:
    """Return the column with the categories of its training rows, the most frequent ones if there are many."""
    if parsed.texts is None:
        return Column(name, parsed.kind)
    names, counts = np.unique([text for text in parsed.texts[train] if text is not None], return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
    return Column(name, "category", tuple(names[kept].tolist()))


def encode(parsed: Parsed, column: Column) -> NDArray[np.float32]:
    """Return the numbers (N,) that stand for the cells of a column; those too large for a float32 count as missing."""
    if parsed.numbers is not None:
        with np.errstate(over="ignore"):
            found = parsed.numbers.astype(np.float32)
        return np.where(np.isfinite(found), found, np.float32(np.nan))
    codes = {name: code for code, name in enumerate(column.categories)}
    texts: Sequence[str | None] = parsed.texts.tolist()  # type: ignore[union-attr]
    return np.array([np.nan if t is None else codes.get(t, len(codes)) for t in texts], np.float32)


def decode(rows: NDArray[np.float32], columns: Sequence[Column]) -> list[list[Any]]:
    """Return the cells of each column of rows (N, D) as they would be in a file: numbers, texts, None where empty."""
    return [_cells(values, column) for values, column in zip(rows.T, columns, strict=True)]


def _cells(values: NDArray[np.float32], column: Column) -> list[Any]:
    if column.kind == "number":
        return [None if np.isnan(value) else float(str(value)) for value in values]
    if column.kind == "date":
        seconds = np.where(np.isnan(values), np.nan, np.rint(values.astype(np.float64) * DAY))
        whole = (seconds % DAY == 0) | np.isnan(seconds)
        unit: Literal["D", "s"] = "D" if whole.all() else "s"
        dates = np.array([np.datetime64("NaT") if np.isnan(s) else np.datetime64(int(s), "s") for s in seconds])
        texts = np.datetime_as_string(dates.astype(f"datetime64[{unit}]")).tolist()
        return [None if text == "NaT" else text.replace("T", " ") for text in texts]
    names = column.categories
    return [names[int(value)] if 0 <= value < len(names) else None for value in values]


def shape(columns: Sequence[Column]) -> tuple[int, ...]:
    """Return the number of categories of each column, 0 for numbers and dates: what a network is built for."""
    return tuple(len(column.categories) if column.kind == "category" else 0 for column in columns)


def rows_of(table: pa.Table, columns: Sequence[Column]) -> NDArray[np.float32]:
    """Encode rows that arrive later (N, D) by the columns of a prepared table, whatever the order of theirs.

    Raises ValueError naming a column that is missing, or one that holds something else.
    """
    found = np.empty((table.num_rows, len(columns)), np.float32)
    for number, column in enumerate(columns):
        if column.name not in table.column_names:
            raise ValueError(f"no column {quoted(column.name)}.{choice(column.name, table.column_names)}")
        cells = table[column.name]
        if column.kind != "category" and not len(cells.drop_null()):
            found[:, number] = np.nan
            continue
        try:
            parsed, _ = parse(cells, column.name, column.kind)
        except ValueError as error:
            reason = str(error).removeprefix(f"data.source.columns.{column.name}: ")
            raise ValueError(f"column {quoted(column.name)}: {reason}") from None
        assert parsed is not None
        found[:, number] = encode(parsed, column)
    return found
