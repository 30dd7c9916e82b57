"""Images listed in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import pandas as pd
from pydantic import Field

from darkroom.data import place, target_columns
from darkroom.data.item import Contents, Item, Unused, class_name, given_split, ordered, readable, text_labels
from darkroom.data.options import Columns, Labels
from darkroom.data.sources import targets
from darkroom.data.target_columns import TABLES
from darkroom.registry import register
from darkroom.settings import Sha256

NEEDED, OPTIONAL = ("path", "label"), ("split", "group", "mask")
OTHER_TARGETS = " To predict several labels or numbers, name their columns in data.source.labels or data.source.numbers"


@register("source", "manifest")
class Manifest:
    """A table (CSV, TSV, parquet) with one row per image: the columns path and label, optionally split, group and mask.

    path and mask are relative to `root`, or to the table's folder. An empty label means none. split is train, val,
    test or empty; rows without one are divided. Rows with the same group stay in one split. `labels` or `numbers` name the
    columns to predict in place of label; an image with an empty cell there has no target. Other columns are ignored. In an
    archive, the table is the only file with such an extension.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the table, or a zip or tar with table and images: local path or URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the table or archive, checked first")] = None,
        root: Annotated[
            str | None,
            Field(description="local folder that the table's paths are relative to; default: the table's own"),
        ] = None,
        labels: Annotated[
            Labels | None,
            Field(
                description="to predict several labels per image: columns of 0 and 1, one per label, or the `column` that "
                "lists the labels, and its `separator`"
            ),
        ] = None,
        numbers: Annotated[
            Columns | None, Field(description="to predict numbers: the columns that hold them, one output for each")
        ] = None,
    ) -> None:
        self.path, self.sha256, self.root = path, sha256, root
        self.labels, self.numbers = labels, numbers

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the table and the images it names."""
        place.bring(raw, self.path, self.sha256, plain=TABLES)
        table, root = self._found(raw)
        rows = self._rows(table)
        names = [name for column in ("path", "mask") for name in rows[column] if name]
        if self.root is not None or not (raw / place.KEPT).is_dir():
            place.seen(raw, self.path, {table.name: table, **{name: root / name for name in sorted(set(names))}})

    def contents(self, raw: Path) -> Contents:
        """Return one item per row, in the table's order. Raises ValueError for missing columns and unknown splits."""
        table, root = self._found(raw)
        rows = self._rows(table)
        asked = targets.read(rows, self.labels, self.numbers, self.path)
        values = asked.values if asked else [None] * len(rows)
        inside = (raw / place.KEPT).is_dir() and self.root is None
        items: list[Item] = []
        unused: list[Unused] = []
        times: Counter[str] = Counter()
        columns = [rows[column] for column in (*NEEDED, *OPTIONAL)]
        for number, (name, label, split, group, mask, value) in enumerate(zip(*columns, values, strict=True), start=2):
            shown = readable(name)
            if not name:
                unused.append(Unused(f"{table.name} row {number}", "no path"))
                continue
            if inside and (leaving := next((n for n in (name, mask) if _leaves(n)), None)):
                unused.append(Unused(shown, f"{readable(leaving)!r} leads out of the archive"))
                continue
            _refuse_backslashes(root, (name, mask), f"{self.path} row {number}")
            times[shown] += 1
            items.append(
                Item(
                    id=shown if times[shown] == 1 else f"{shown}#{times[shown]}",
                    image=root / name,
                    label=class_name(label) if label and asked is None else None,
                    target=value,
                    split=given_split(split, f"{self.path} row {number}"),
                    group=group or None,
                    mask=root / mask if mask else None,
                    origin=shown,
                    mask_origin=readable(mask),
                )
            )
        warned = [f"rows of the table left out, listed in excluded.csv: {len(unused)}"] if unused else []
        classes = ordered(item.label for item in items if item.label is not None)
        if asked is None:
            return Contents(items, classes, tuple(unused), tuple(warned))
        return Contents(items, (), tuple(unused), (*warned, *asked.warnings), target=asked.target)

    def _rows(self, table: Path) -> pd.DataFrame:
        """Return the known columns as text, and those of the target."""
        return _read(table, self.path, self.labels, self.numbers)

    def _found(self, raw: Path) -> tuple[Path, Path]:
        """Return the table and the folder that its paths are relative to."""
        listing = place.listing(raw, self.path)
        tables = [name for name in listing.names if name.lower().endswith(TABLES)]
        if len(tables) != 1:
            found = ", ".join(tables[:10]) or "none"
            raise ValueError(f"data.source.path: {self.path}: expected one table ({', '.join(TABLES)}), found {found}")
        table = listing.path(tables[0])
        return table, table.parent if self.root is None else place.existing(self.root, "data.source.root")


def _read(table: Path, path: str, labels: Labels | None, numbers: Sequence[str] | None) -> pd.DataFrame:
    """Return the known columns and those of the target as text, missing values as the empty string.

    A class called NA or None stays one. Raises ValueError for missing columns, and for a column label beside `labels`.
    """
    asked = target_columns.columns(labels, numbers)
    try:
        if table.suffix.lower() == ".parquet":
            found = pd.read_parquet(table)
            texts = {
                str(name): ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
                for name, column in found.items()
            }
            rows = pd.DataFrame(texts, dtype=object)
        else:
            separator = "\t" if table.suffix.lower() == ".tsv" else ","
            rows = pd.read_csv(
                table, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
            )
    except (ValueError, OSError) as error:
        raise ValueError(
            f"data.source.path: {path} cannot be read as a table: {str(error).strip()}.{_hint(table)}"
        ) from None
    rows.columns = [str(name).strip() for name in rows.columns]
    needed = NEEDED[:1] if asked else NEEDED
    missing = [name for name in needed if name not in rows.columns]
    if missing:
        raise ValueError(
            f"data.source.path: {path} has the columns {', '.join(rows.columns)}; expected {', '.join(needed)} and "
            f"optionally {', '.join(OPTIONAL)}.{_hint(table) or (OTHER_TARGETS if missing == ['label'] else '')}"
        )
    if fault := target_columns.problem([*rows.columns], labels, numbers, path):
        raise ValueError(fault)
    kept = dict.fromkeys((*NEEDED, *OPTIONAL, *asked))
    known = {name: rows[name].tolist() if name in rows.columns else [""] * len(rows) for name in kept}
    texts = {name: text_labels(known[name]) if name in ("label", "group") else known[name] for name in known}
    return pd.DataFrame(texts, dtype=object)


def _hint(table: Path) -> str:
    """Return a sentence about the separator that a CSV or TSV file seems to have instead; empty if there is none."""
    if table.suffix.lower() == ".parquet":
        return ""
    expected = "\t" if table.suffix.lower() == ".tsv" else ","
    with table.open(encoding="utf-8-sig", errors="replace") as stream:
        head = stream.readline(10_000)
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), (",", "commas"), ("|", "bars")):
        if separator != expected and "path" in [cell.strip(' "\n') for cell in head.split(separator)]:
            right = "tabs" if expected == "\t" else "commas"
            return f" Its columns are separated by {name}; a {table.suffix} file needs {right} (tabs in .tsv, commas in .csv)"
    return ""


def _refuse_backslashes(root: Path, names: Sequence[str], where: str) -> None:
    for name in names:
        if "\\" in name and not (root / name).exists() and (root / name.replace("\\", "/")).exists():
            raise ValueError(
                f"data.source.path: {where}: there is no {name}, but there is {name.replace(chr(92), '/')}; separate folders "
                "by / in the table, not by backslashes"
            )


def _leaves(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts
