"""The rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from darkroom.data import place
from darkroom.data.item import Contents, Item, class_name, given_split, ordered, text_labels
from darkroom.data.options import Columns, LabelColumn, Labels
from darkroom.registry import register
from darkroom.settings import Sha256, choice, quoted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from darkroom.data.readers.table import TableReader

USUAL = ("target", "label", "class", "y")
"""Columns that hold the class if `target` names none, in any case; the first one there is."""


@register("source", "table")
class Table:
    """A table of numbers, categories and dates: CSV, TSV, parquet, Excel (.xlsx), or X and y in an .npz file.

    The first row names the columns. Every column but those named below is a feature: a number if all its cells are, a date
    if all are such as 2026-11-29, else a category; empty cells are missing. An archive may hold the file.
    """

    KIND = "table"

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the table, or a zip or tar with one: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the file or archive, checked first")] = None,
        file: Annotated[
            str | None, Field(description="path of the table inside an archive or folder that holds several")
        ] = None,
        sheet: Annotated[str | None, Field(description="sheet of an Excel file; default: the first")] = None,
        encoding: Annotated[str | None, Field(description="of a text file; default: found from its bytes")] = None,
        target: Annotated[
            str | None,
            Field(description="column of the class; default: target, label, class or y. An empty cell has no class"),
        ] = None,
        labels: Annotated[
            Labels | None,
            Field(description="to predict several labels per row: columns of 0 and 1, or the `column` that lists them"),
        ] = None,
        numbers: Annotated[Columns | None, Field(description="to predict numbers: the columns that hold them")] = None,
        id: Annotated[str | None, Field(description="column of unique names of the rows")] = None,
        group: Annotated[str | None, Field(description="column of groups; rows of one group stay in one split")] = None,
        split: Annotated[
            str | None, Field(description="column of splits: train, val, test or empty; rows without are divided")
        ] = None,
        columns: Annotated[
            dict[str, Literal["number", "category", "date", "drop"]],
            Field(description="kinds of columns, by name, in place of what their cells suggest; `drop` leaves one out"),
        ] = {},  # noqa: B006
    ) -> None:
        self.path, self.sha256, self.file, self.sheet, self.encoding = path, sha256, file, sheet, encoding
        self.target, self.labels, self.numbers = target, labels, numbers
        self.id, self.group, self.split, self.columns = id, group, split, columns

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the file."""
        from darkroom.data.tabular.file import ENDINGS

        place.bring(raw, self.path, self.sha256, plain=ENDINGS)

    def contents(self, raw: Path) -> Contents:
        """Return one item per row, in order. Raises ValueError for missing columns and unknown splits."""
        import numpy as np

        from darkroom.data.sources import targets

        table = self._read(raw)
        special = self._special(table.column_names)
        asked = targets.read(_frame(table, special["targets"]), self.labels, self.numbers, self.path)
        label = special["target"]
        classes = [class_name(text) if text else None for text in text_labels(_texts(table, label))] if label else []
        rows = table.num_rows
        splits, groups = _texts(table, special["split"]), _texts(table, special["group"])
        items = [
            Item(
                id=name,
                image=np.array(row),
                label=classes[row] if classes else None,
                target=asked.values[row] if asked else None,
                split=given_split(splits[row], f"{self.path} row {row + 2}") if splits else None,
                group=(groups[row] or None) if groups else None,
                origin=f"row {row + 2}",
            )
            for row, name in enumerate(self._ids(table, rows))
        ]
        used = {name for names in special.values() for name in ([names] if isinstance(names, str) else names or [])}
        self._class = label if isinstance(label, str) else "class"
        self._features = table.drop([name for name in table.column_names if name in used])
        if unknown := [name for name in self.columns if name not in self._features.column_names]:
            hint = choice(unknown[0], self._features.column_names)
            raise ValueError(f"data.source.columns: {self.path} has no feature {quoted(unknown[0])}.{hint}")
        if not self._features.num_columns:
            raise ValueError(f"data.source.path: {self.path} has no column besides {', '.join(sorted(used))}")
        notes = (f"class: column {label}",) if label else ()
        warned = asked.warnings if asked else ()
        names = () if asked else ordered(name for name in classes if name)
        return Contents(items, names, self._listing.unused, warned, notes, target=asked.target if asked else None)

    def reader(self) -> TableReader:
        """Return what reads the rows, after `contents`."""
        from darkroom.data.readers.table import TableReader

        return TableReader(self._features, self.columns, target=self._class)

    def _read(self, raw: Path) -> pa.Table:
        from darkroom.data.tabular import file

        self._listing = place.listing(raw, self.path)
        tables = [name for name in self._listing.names if name.lower().endswith(file.ENDINGS)]
        chosen = [name for name in tables if self.file in (None, name)]
        if len(chosen) != 1:
            found = ", ".join(tables[:10]) or "none"
            raise ValueError(
                f"data.source.path: {self.path}: expected one table ({', '.join(file.ENDINGS)}), found {found}; name one in "
                "data.source.file"
            )
        where = f"data.source.path: {self.path}"
        return file.read(self._listing.path(chosen[0]), where, sheet=self.sheet, encoding=self.encoding)

    def _special(self, names: Sequence[str]) -> dict[str, str | list[str] | None]:
        """Return the columns that are not features, by purpose."""
        asked = [self.labels.column] if isinstance(self.labels, LabelColumn) else [*(self.labels or self.numbers or [])]
        lower = {name.lower(): name for name in reversed(names)}
        usual = None if asked else next((lower[name] for name in USUAL if name in lower), None)
        given = {"target": self.target, "id": self.id, "group": self.group, "split": self.split}
        for key, name in given.items():
            if name is not None and name not in names:
                raise ValueError(f"data.source.{key}: {self.path} has no column {quoted(name)}.{choice(name, names)}")
        for name in asked:
            if name not in names:
                key = "labels" if self.labels is not None else "numbers"
                raise ValueError(f"data.source.{key}: {self.path} has no column {quoted(name)}.{choice(name, names)}")
        if self.target is not None and asked:
            raise ValueError(f"data.source.target: {quoted(self.target)} beside labels or numbers; remove one of them")
        times = Counter([name for name in (*given.values(), *asked) if name])
        if twice := [name for name, count in times.items() if count > 1]:
            raise ValueError(f"data.source: the column {quoted(twice[0])} is named for two purposes; keep one")
        return {**given, "target": self.target or usual, "targets": asked}

    def _ids(self, table: pa.Table, rows: int) -> list[str]:
        if self.id is None:
            width = len(str(rows - 1))
            return [f"row-{row:0{width}}" for row in range(rows)]
        names = [class_name(name) for name in _texts(table, self.id)]
        if twice := [name or "(empty)" for name, count in Counter(names).items() if count > 1 or not name]:
            raise ValueError(
                f"data.source.id: {self.path}: {quoted(twice[0])} names several rows or none; if it names their group, set "
                "data.source.group instead"
            )
        return names


def _texts(table: pa.Table, name: str | list[str] | None) -> list[str]:
    """Return the cells of a column as text, empty if missing; no cells without a name."""
    if not isinstance(name, str):
        return []
    from darkroom.data.tabular.columns import objects

    return ["" if text is None else text.strip() for text in objects(table[name])]


def _frame(table: pa.Table, names: str | list[str] | None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: _texts(table, name) for name in names or []}, dtype=object)
