"""Local source files of a data set, tracked so that a changed image makes the fetch stale."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from darkroom import files
from darkroom.data import place
from darkroom.data.target_columns import TABLES
from darkroom.data.text import pretrained_tokenizer
from darkroom.job import fingerprint
from darkroom.settings import Section

FILES = ("path", "mask")
"""Columns of a manifest that name files."""


class Sources:
    """Files at a source's local path; `cache` stores their hashes between plans."""

    def __init__(self, source: Section, cache: Path) -> None:
        self.source, self.cache = source, cache

    @functools.cached_property
    def fingerprint(self) -> str | None:
        """Return a hash of the names and contents of all files; None if the source has no local path."""
        found = self._files()
        return fingerprint.source_fingerprint(found, self.cache) if found is not None else None

    def folder(self, path: str) -> str | None:
        """Return a hash of the names and contents of the files in another local folder; None if there is no such folder."""
        local = files.local(path)
        kept = self.cache.with_name(f".folder-{hashlib.sha256(path.encode()).hexdigest()[:8]}.json")
        return fingerprint.source_fingerprint(place.local_paths(local), kept) if local is not None else None

    def contents(self) -> dict[str, str]:
        """Return the sha256 of each file, by its name in the source."""
        found = fingerprint.source_contents(self._files() or {}, self.cache)
        return {name.partition("/")[2]: digest for name, digest in found.items()}

    @property
    def bytes(self) -> int:
        """Return the size of a single-file source, such as an archive; 0 for any other source."""
        path = getattr(self.source, "path", None)
        local = files.local(path) if path is not None else None
        return local.stat().st_size if local is not None and local.is_file() else 0

    def _files(self) -> dict[str, str] | None:
        """Files by the number of their place and their name there; a manifest's second place are the files that it names."""
        path, root = getattr(self.source, "path", None), getattr(self.source, "root", None)
        if path is None or (local := files.local(path)) is None:
            return None
        places = [place.local_paths(local)]
        if hasattr(self.source, "root"):
            there = files.local(root) if root else local.parent
            if there is not None and local.suffix.lower() in TABLES:
                places.append(_named(local, there))
            elif there is not None and root:  # the table is in an archive
                places.append(place.local_paths(there))
        tokenizer = getattr(self.source, "tokenizer", None)
        if tokenizer and (coder := pretrained_tokenizer.file(tokenizer)):
            places.append(place.local_paths(coder))
        return {f"{n}/{name}": file for n, there in enumerate(places) for name, file in there.items()}


def _named(table: Path, root: Path) -> dict[str, str]:
    """Return the files below `root` that a table names, whether they exist or not; none if it cannot be read.

    Other files there, such as results of a project around the table, are not read.
    """
    try:
        columns = _columns(table)
    except (OSError, ValueError, csv.Error):
        return {}  # the fetch stage reports what that means for the data
    names = {name for column in columns for name in column if name and "\0" not in name}
    return {name: f"{root}{os.sep}{name}" for name in sorted(names)}


def _columns(table: Path) -> list[Sequence[str | None]]:
    kind = table.suffix.lower()
    if kind == ".parquet":
        from pyarrow import parquet  # takes a while to import, and few tables need it

        known = parquet.read_schema(table).names
        read = parquet.read_table(table, columns=[name for name in FILES if name in known])
        return [[None if value is None else str(value) for value in column.to_pylist()] for column in read.columns]
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        separator = "\t" if kind == ".tsv" else ","
        head, *rows = csv.reader(stream, delimiter=separator, skipinitialspace=True)
    places = [place for place, name in enumerate(head) if name.strip() in FILES]
    return [[row[place] for row in rows if place < len(row)] for place in places]
