"""Read the rows of a table: type its columns, and encode them once the splits are known."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from darkroom import files
from darkroom.data import twins
from darkroom.data.item import Contents
from darkroom.data.kind import SampleKind, Shape
from darkroom.data.reader import Read
from darkroom.data.store import COLUMNS_FILE, PREPARATION, new_array
from darkroom.data.tabular import leaks
from darkroom.data.tabular.columns import Choice, Column, Parsed, column_of, encode, parse, shape
from darkroom.data.words import listed

PLURALS = {"number": "numbers", "category": "categories", "date": "dates"}


class TableReader:
    """Reads the columns of a table; `samples.npy` is written once it is known which rows are for training."""

    kind: SampleKind = "table"

    def __init__(self, table: pa.Table, kinds: Mapping[str, Choice], *, target: str = "class") -> None:
        self.table, self.kinds, self.target = table, kinds, target

    def read(self, contents: Contents, root: Path) -> Read:
        """Type every column. Raises ValueError if none is left."""
        remarks = [*contents.warnings]
        self._parsed: dict[str, Parsed] = {}
        for name in self.table.column_names:
            parsed, remark = parse(self.table[name], name, self.kinds.get(name))
            remarks += [remark] if remark else []
            if parsed is not None:
                self._parsed[name] = parsed
        if not self._parsed:
            raise ValueError(f"data.source: no column of the table is left to learn from: {'; '.join(remarks)[:300]}")
        del self.table
        self._rows = {item.id: row for row, item in enumerate(contents.items)}
        self._found = Read(
            items=[*contents.items], fingerprints=self._fingerprints(), excluded=[*contents.unused], warnings=remarks
        )
        return self._found

    def twins(self, root: Path, rows: NDArray[np.int64]) -> twins.Twins:
        """Return that there are no near-duplicates: rows have exact copies alone."""
        return twins.NONE

    def finish(self, root: Path, table: pd.DataFrame) -> Shape:
        """Encode the rows by the categories of the training rows, and warn of columns that leak the class.

        A column with one value in all training rows is left out. Raises ValueError if none is left.
        """
        rows = np.array([self._rows[name] for name in table["id"]], np.int64)
        train = (table["split"] == "train").to_numpy()
        kept: list[Column] = []
        constant: list[str] = []
        for name, parsed in self._parsed.items():
            (
                constant.append(name)
                if parsed.constant(rows[train])
                else kept.append(column_of(parsed, name, rows[train]))
            )
        if constant:
            self._found.warnings.append(
                f"columns with one value in all training rows, left out: {len(constant)}: {listed(constant)}"
            )
        if not kept:
            raise ValueError(
                "data.source: every column has one value in all training rows; nothing is left to learn from"
            )
        array = new_array(root / "samples.npy", (len(rows), len(kept)), np.float32)
        for number, column in enumerate(kept):
            array[:, number] = encode(self._parsed[column.name], column)[rows]
        missing = np.isnan(array[train]).mean(0)
        described = [{**column.saved(), "missing": float(share)} for column, share in zip(kept, missing, strict=True)]
        files.write_json(root / COLUMNS_FILE, described)
        files.write_json(root / PREPARATION, {"kind": "table", "class": self.target})
        self._kept, self._missing = kept, float(np.isnan(array).mean())
        once = rows[~table["sha256"].duplicated().to_numpy()]
        numbers = {column.name: self._parsed[column.name].numbers for column in kept if column.kind == "number"}
        self._found.warnings += leaks.warnings(
            array,
            kept,
            table["label"].to_numpy(np.int64),
            train=train,
            numbers={name: values[once] for name, values in numbers.items() if values is not None},
        )
        return shape(kept)

    def describe(self) -> str:
        """Return the number of columns of each kind, and how much is missing."""
        counts = Counter(column.kind for column in self._kept)
        kinds = ", ".join(f"{counts[kind]} {kind if counts[kind] == 1 else PLURALS[kind]}" for kind in counts)
        return f"{len(self._kept)} columns ({kinds}), {100 * self._missing:.1f} % of cells missing"

    def _fingerprints(self) -> list[str]:
        """Return a hash of the cells of each row."""
        names = "\0".join(self._parsed).encode()
        digests = [hashlib.sha256(names) for _ in self._rows]
        for parsed in self._parsed.values():  # one column as bytes at a time, as there may be 10,000
            for digest, cell in zip(digests, _codes(parsed), strict=True):
                digest.update(cell)
        return [digest.hexdigest() for digest in digests]


def _codes(parsed: Parsed) -> list[bytes]:
    """Return the cells of a column as bytes, equal for equal cells; all missing numbers are equal."""
    if parsed.texts is not None:
        return [b"\0" if text is None else f"\1{len(text)} {text}".encode() for text in parsed.texts]
    assert parsed.numbers is not None
    canonical = np.where(np.isnan(parsed.numbers), np.nan, parsed.numbers + 0.0).astype("<f8")
    raw = canonical.tobytes()
    return [raw[start : start + 8] for start in range(0, len(raw), 8)]
