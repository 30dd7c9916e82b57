"""Find out whether a path holds recordings, texts or rows of a table, and how a source reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from darkroom.data import archives, place, sound
from darkroom.data.layouts import IMAGE_ENDINGS
from darkroom.data.place import Listing
from darkroom.data.tabular import columns
from darkroom.data.tabular import file as tabular
from darkroom.data.text import characters, rows
from darkroom.settings import quoted

JSON_LINES = rows.JSON_LINES
TABLES = (*rows.ENDINGS, ".xlsx")
ROWS, CELLS = 2000, 500_000
"""Rows of a table to look at; fewer of a wide one, as far as they have this many cells."""
WORDS = 3.0
"""Mean number of words per cell from which a column holds texts."""
CLASSES = 50
"""Up to this many distinct values, a column may hold classes."""
FEWEST = 10
"""Rows from which on values that all differ say something."""
DENSE = 2
"""Whole numbers that all differ count the rows if their range is below this many times their number."""
IDS = re.compile(r"(?i:(^|[\W_])(id|index|key|uuid)$)|[a-z](Id|ID|Index|Key)$")
"""Names of columns of ids."""
LABELS = ("label", "class", "target", "category", "sentiment", "y")
"""Names of columns of classes, in any case; the first one there is."""


def source(path: str, raw: Path) -> dict[str, Any] | None:
    """Return the config's `data.source` for a path of other samples than images, None for images or nothing known.

    Raises ValueError for a table without a column of classes or numbers.
    """
    listing = place.listing(raw, path)
    endings = [PurePosixPath(name.lower()).suffix for name in listing.names]
    images, sounds = (sum(ending in some for ending in endings) for some in (IMAGE_ENDINGS, sound.ENDINGS))
    tables = [name for name in listing.names if name.lower().endswith(TABLES)]
    if sounds > images:
        return _sounds(path, listing, tables)
    if images:
        return None
    if endings.count(".txt") > len(tables) and len(endings) > 1:
        return {"name": "text_folder", "path": path}
    if arrays := [name for name in listing.names if name.lower().endswith(".npz")]:
        tables += arrays if len(arrays) == 1 and _holds_rows(listing.path(arrays[0])) else []
    return _table(path, listing.path(tables[0]), alone=len(tables) == 1) if tables else None


def _holds_rows(path: Path) -> bool:
    """Return whether an .npz file has the arrays X (rows, columns) and y of a table."""
    try:
        with np.load(path, allow_pickle=False) as opened:
            named = {name.lower() for name in opened.files}
        return {"x", tabular.TARGET} <= named and tabular.read(path, path.name).num_rows > 0
    except (ValueError, OSError, *archives.BROKEN):
        return False


def _sounds(path: str, listing: Listing, tables: Sequence[str]) -> dict[str, Any]:
    """Return how to read recordings: by a table that names them, by their folders, or by their names."""
    if len(tables) == 1 and "path" in _frame(listing.path(tables[0]), path).columns.str.lower():
        inside = Path(path).is_dir()
        return {"name": "audio_table", "path": (Path(path) / tables[0]).as_posix() if inside else path}
    found: dict[str, Any] = {"name": "audio_folder", "path": path}
    stems = [PurePosixPath(name).stem.split("_") for name in listing.names if name.lower().endswith(sound.ENDINGS)]
    tops = {PurePosixPath(name).parent for name in listing.names if name.lower().endswith(sound.ENDINGS)}
    if len(tops) == 1 and all(len(parts) == 3 and parts[2].isdigit() for parts in stems):
        labels, groups = ({parts[place] for parts in stems} for place in (0, 1))
        if 2 <= len(labels) <= CLASSES and len(groups) > 1:
            found["names"] = "{label}_{group}_{}"
    return found


def _table(path: str, table: Path, *, alone: bool) -> dict[str, Any] | None:
    """Return how to read the rows of a table; None if they name files."""
    frame = _frame(table, path)
    if "path" in frame.columns.str.lower():
        return None
    words = {name: frame[name].str.count(r"\S+").mean() for name in frame}
    longest = max(words, key=lambda name: words[name])
    share = frame[longest].str.len().sum() / max(frame.apply(lambda cells: cells.str.len().sum()).sum(), 1)
    if words[longest] >= WORDS and share > 0.5:
        label = _label(frame.drop(columns=longest))
        if label is None:
            raise ValueError(
                f"{path}: {_few(frame)}; none of its columns looks like a class for the texts in {longest}{_single(frame)}"
            )
        names = {key: name for key, name in (("text", longest), ("label", label)) if key != name}
        return {"name": "text_table", "path": path, **names}
    if not alone:
        raise ValueError(f"{path} holds several tables; name the one to read")
    label = _label(frame)
    if label is not None:
        return {"name": "table", "path": path, "target": label, **_dropped(frame.drop(columns=label))}
    last = _named(frame) or frame.columns[-1]
    if pd.to_numeric(frame[last], errors="coerce").notna().all():
        return {"name": "table", "path": path, "numbers": [last], **_dropped(frame.drop(columns=last))}
    raise ValueError(
        f"{path}: {_few(frame)}; none looks like a class{_single(frame)}; rename the column of the classes to class"
    )


def _dropped(features: pd.DataFrame) -> dict[str, Any]:
    """Return the option `columns` that leaves ids out; empty if there are none, or nothing else."""
    rows = features.drop_duplicates()
    found = [name for name in features if len(rows) >= FEWEST and _is_id(rows[name], str(name))]
    return {"columns": dict.fromkeys(found, "drop")} if found and len(found) < len(features.columns) else {}


def _is_id(cells: pd.Series, name: str) -> bool:
    """Return whether a column has another value in every row, as ids have: texts, or whole numbers that count the rows, in any
    order, or whose name says so. Other numbers, and dates, may differ everywhere because they are measured."""
    if cells.nunique() < len(cells) or (cells == "").any():
        return False
    parsed, _ = columns.parse(pa.chunked_array([pa.array(cells.tolist(), pa.string())]), name, None)
    if parsed is None or parsed.kind != "number":
        return parsed is None or parsed.kind == "category"
    values = np.sort(parsed.numbers)  # type: ignore[arg-type]
    whole = bool((values == np.rint(values)).all())
    return whole and (bool(IDS.search(name)) or values[-1] - values[0] < DENSE * len(values))


def _label(frame: pd.DataFrame) -> str | None:
    """Return the column of classes: a usual name, else the column of 2 to 50 distinct values that has the fewest."""
    several = {name: frame[name].nunique() for name in reversed(frame.columns)}  # classes are often last
    limit = min(CLASSES, max(2, len(frame) // 5))
    possible = {name: count for name, count in several.items() if 2 <= count <= limit and not _fractions(frame[name])}
    named = _named(frame)
    if named is not None:
        return named if named in possible else None
    return min(possible, key=lambda name: possible[name], default=None)


def _named(frame: pd.DataFrame) -> str | None:
    """Return the first column with a usual name of classes."""
    lower = {name.lower(): name for name in reversed(frame.columns)}
    return next((lower[name] for name in LABELS if name in lower), None)


def _fractions(cells: pd.Series) -> bool:
    """Return whether a column holds numbers that are not whole."""
    values = pd.to_numeric(cells[cells != ""], errors="coerce")
    return bool(values.notna().all() and (np.mod(values, 1) != 0).any())


def _frame(path: Path, shown: str) -> pd.DataFrame:
    """Return the first rows of a table as text, long cells cut as sources of texts cut them."""
    if path.suffix.lower() in JSON_LINES:
        with path.open(encoding="utf-8", errors="replace") as stream:
            found = []
            for line in islice(stream, ROWS):
                try:
                    value = json.loads(line)
                except ValueError:
                    continue
                found += [value] if isinstance(value, dict) else []
        if not found:
            raise ValueError(f"{shown}: no line of {path.name} is a JSON object")
        frame = pd.DataFrame(found)
    else:
        table = tabular.read(path, shown)
        frame = table.slice(0, min(ROWS, max(CLASSES, CELLS // table.num_columns))).to_pandas()
    return frame.map(_shown)


def _shown(cell: Any) -> str:
    return "" if cell is None or cell != cell else re.sub(r"\.0$", "", str(cell)[: characters.LONGEST])


def _single(frame: pd.DataFrame) -> str:
    """Say that a column named like one of classes has one value; nothing if there is none."""
    named = _named(frame)
    return f": {named} is {quoted(frame[named].iloc[0])} in every row" if named and frame[named].nunique() == 1 else ""


def _few(frame: pd.DataFrame) -> str:
    names = ", ".join(map(str, frame.columns[:8]))
    return f"its columns are {names}{', ...' if len(frame.columns) > 8 else ''}"
