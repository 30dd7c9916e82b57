"""New samples in files that hold many: the rows of tables, and texts in tables and files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from darkroom.data.incoming import Rows
from darkroom.data.kind import SampleKind
from darkroom.data.place import Listing

KINDS: tuple[SampleKind, ...] = ("text", "table")
"""The kinds of samples of which a file may hold many."""


def batches(kind: SampleKind, folder: Path, listing: Listing) -> Iterator[Rows]:
    """Yield the samples of all files in order, as those that the model in `folder` was trained on, and what cannot be read.

    Raises FileNotFoundError if the folder does not say how they were prepared.
    """
    if kind == "text":
        from darkroom.data.text import incoming as texts  # loads the tokenizers

        return texts.read_intake(folder).batches(listing)
    from darkroom.data.tabular import incoming as tables

    return tables.batches(listing, tables.read_columns(folder))


def count(kind: SampleKind, listing: Listing) -> int | None:
    """Return how many rows a table of all samples has; None if only reading the files tells."""
    return None if kind in KINDS else len(listing.names) + len(listing.unused)
