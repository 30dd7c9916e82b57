"""Read a table from a file: CSV, TSV, parquet, Excel, or the arrays X and y of an .npz file.

Text cells stay text; what a column holds is decided in `columns`. Columns are Arrow arrays, so that 10,000 columns of text
take about the memory of the file.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from darkroom.data import archives
from darkroom.data.text import characters
from darkroom.settings import choice, quoted

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".npz")
SEPARATORS = (",", ";", "\t", "|")
LONGEST_HEADER = 1 << 24
"""Characters of a header line; the names of 100,000 columns are shorter."""
LARGEST_BLOCK = (1 << 31) - 1
"""Bytes of text that Arrow reads at a time; no row may be longer."""
TARGET = "y"
"""Name of the target column of an .npz file."""
EMPTY = "has no rows; expected a header and at least one row"


def read(path: Path, where: str, *, sheet: str | None = None, encoding: str | None = None) -> pa.Table:
    """Return the columns of a file, named by its header; those of an .npz file are x0, x1 ... and y.

    `where` names the file in errors, `sheet` the sheet of an Excel file (default: the first), `encoding` that of a text
    (default: found from its bytes). Raises ValueError for a file that cannot be read, has no rows, or names two columns alike.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{where} ends in {ending or 'nothing'}; expected one of {', '.join(ENDINGS)}")
    try:
        if ending == ".parquet":
            found = parquet.read_table(path)
        elif ending == ".npz":
            found = _arrays(path, where)
        elif ending == ".xlsx":
            found = _sheet(path, where, sheet)
        else:
            found = _text(path, where, encoding)
    except (pa.ArrowException, OSError, UnicodeError, *archives.BROKEN) as error:
        raise ValueError(f"{where} cannot be read as a table: {_cause(error)}") from None
    if not found.num_rows or not found.num_columns:
        raise ValueError(f"{where} {EMPTY}")
    found = found.rename_columns([name.strip() for name in found.column_names])
    if twice := [name for name, count in Counter(found.column_names).items() if count > 1]:
        raise ValueError(f"{where} has several columns named {quoted(twice[0])}; rename all but one")
    return found


def _text(path: Path, where: str, encoding: str | None) -> pa.Table:
    """Read text with a header, separated by whatever its first line has most of."""
    try:
        known = characters.known(encoding) if encoding else characters.encoding_of(path)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    with path.open(encoding=known, errors="replace") as stream:
        head = stream.readline(LONGEST_HEADER)
    if not head.strip():
        return pa.table({})
    separator = max(SEPARATORS, key=head.count)
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values='"' in head)
    encoding = "utf8" if known.startswith("utf-8") else known
    try:
        return _separated(path, csv.ReadOptions(encoding=encoding), parse)
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error):
            raise
    block = min(path.stat().st_size + 1, LARGEST_BLOCK)  # a row is longer than a block
    return _separated(path, csv.ReadOptions(encoding=encoding, block_size=block), parse)


def _separated(path: Path, read: csv.ReadOptions, parse: csv.ParseOptions) -> pa.Table:
    """Read every cell as text; only empty ones are missing."""
    types = dict.fromkeys(csv.open_csv(path, read, parse).schema.names, pa.string())
    convert = csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    return csv.read_csv(path, read, parse, convert)


def _sheet(path: Path, where: str, sheet: str | None) -> pa.Table:
    """Read one sheet of an Excel file; numbers and dates keep their type where the whole column has it."""
    try:
        import openpyxl
    except ImportError:
        raise ValueError(
            f"{where}: Excel files need openpyxl; install the extra: uv sync --extra table, or save the sheet as CSV"
        ) from None
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    if sheet is not None and sheet not in book.sheetnames:
        raise ValueError(f"data.source.sheet: no sheet {quoted(sheet)}.{choice(sheet, book.sheetnames)}")
    rows = book[sheet or book.sheetnames[0]].iter_rows(values_only=True)
    head = next(rows, ())
    names = [str(name) for name in head if name is not None]
    if None in head[: len(names)]:
        raise ValueError(f"{where}: column {head.index(None) + 1} has no name; the first row must name every column")
    cells = [row[: len(names)] for row in rows if any(cell is not None for cell in row)]
    return pa.table([_column([row[k] for row in cells]) for k in range(len(names))], names)


def _column(cells: list[Any]) -> pa.Array:
    """Return cells with the type they have in common, or as text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) == 1 or kinds == {int, float}:
        return pa.array(cells, pa.float64() if kinds == {int, float} else None)
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _arrays(path: Path, where: str) -> pa.Table:
    """Read X (N, D) and y (N,) of an .npz file; pickled objects are never read."""
    budget = archives.Budget(path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            budget.spend(info.file_size)
    try:
        with np.load(path, allow_pickle=False) as opened:
            arrays = {name.lower(): opened[name] for name in opened.files}
    except ValueError as error:
        reason = "it holds Python objects, which are never read" if "pickle" in str(error) else error
        raise ValueError(f"{where} cannot be read as .npz: {reason}") from None
    x, y = arrays.get("x"), arrays.get(TARGET)
    if x is None or x.ndim != 2 or (y is not None and y.shape not in ((len(x),), (len(x), 1))):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise ValueError(f"{where} holds {shapes}; expected X of shape (rows, columns) and y with one value per row")
    columns = {f"x{k}": pa.array(column) for k, column in enumerate(x.T)}
    return pa.table(columns | ({} if y is None else {TARGET: pa.array(y.ravel())}))


def _cause(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
