"""New texts, as token numbers like those that a model was trained on: from .txt files, tables, or Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkroom.data.incoming import Rows
from darkroom.data.item import Unused, readable
from darkroom.data.place import Listing
from darkroom.data.text import characters, rows
from darkroom.data.text.coder import Coder, read_coder
from darkroom.data.text.preparation import TextPreparation, read_text_preparation

BATCH = 256
"""Texts at a time."""
NO_TEXTS = f"neither a .txt file nor a table ({', '.join(rows.ENDINGS)})"


@dataclass(frozen=True, eq=False)
class TextIntake:
    """Reads new texts like those of the data set."""

    preparation: TextPreparation
    coder: Coder

    def samples(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Return the token numbers (N, L) of texts."""
        return self.coder.samples([characters.clean(text[: characters.LONGEST]) for text in texts])

    def batches(self, listing: Listing) -> Iterator[Rows]:
        """Yield the texts of all files in order, and the reason for each one that cannot be read.

        A .txt file is one text; a table has one per row, in the column of the data set's, and its rows are named as by the
        source. If the source names the separator, every file is such a table.
        """
        waiting: list[tuple[str, str]] = []
        for name, text, reason in self._texts(listing):
            if text:
                waiting.append((name, text))
            if waiting and (not text or len(waiting) == BATCH):
                yield self._rows(waiting)
                waiting = []
            if not text:
                yield Rows([name], None, reason)
        if waiting:
            yield self._rows(waiting)

    def _rows(self, named: Sequence[tuple[str, str]]) -> Rows:
        return Rows([name for name, _ in named], self.samples([text for _, text in named]))

    def _texts(self, listing: Listing) -> Iterator[tuple[str, str, str]]:
        """Yield the name of each text, the text, and if that is empty, the reason."""
        for name in listing.names:
            path, shown = listing.path(name), readable(name)
            ending = path.suffix.lower()
            try:
                if self.preparation.format.separator or ending in rows.ENDINGS:
                    yield from self._table(path, shown)
                elif ending == ".txt":
                    yield shown, characters.read(path, self.preparation.format.encoding)[0], "an empty text"
                else:
                    yield shown, "", NO_TEXTS
            except rows.ColumnError as problem:
                yield shown, "", problem.found
            except (OSError, ValueError) as problem:
                yield shown, "", str(problem).removeprefix("data.source.path: ")
        for unused in listing.unused:
            yield readable(unused.origin), "", unused.reason

    def _table(self, path: Path, shown: str) -> Iterator[tuple[str, str, str]]:
        column = self.preparation.column
        for number, row in enumerate(rows.read(path, shown, self.preparation.format, [column]), start=1):
            if isinstance(row, Unused):
                yield row.origin, "", row.reason
            else:
                yield f"{shown} row {number}", characters.clean(row[column][: characters.LONGEST]), "an empty text"


def read_intake(folder: Path) -> TextIntake:
    """Read how a model's texts were read. Raises FileNotFoundError if its folder does not say, ValueError if it is damaged."""
    return TextIntake(read_text_preparation(folder), read_coder(folder))
