"""Images from outside a data set, brought to the shape that a model was trained on.

A command that applies a trained model to new images lists them, reads them batch by batch in bounded memory, and writes a table
with one row per file: what the model says of it, or a note with the reason why it could not be read.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.data import place
from darkroom.data.decode import UnreadableError
from darkroom.data.item import readable
from darkroom.data.preparation import Preparation

BATCH, HELD = 64, 64_000_000
"""Maximum number of files per batch, and of image bytes after which a batch ends early."""
NOT_ALL = 3
"""Exit code if some files could not be read."""


@dataclass(frozen=True, eq=False)
class Incoming:
    """A file: its image at its own size (h, w, 1 or 3), or None and the reason as `note`.

    The note of a readable image says if its shape is unlike those of the data set.
    """

    name: str
    """Relative path as listed; it may contain bytes that are not UTF-8."""
    image: NDArray[np.uint8] | None
    note: str = ""

    @property
    def file(self) -> str:
        """The name as text."""
        return readable(self.name)


def listed(images: Path) -> place.Listing:
    """List the files in a folder and its subfolders, or the one file. Raises ValueError if there are none."""
    found = place.local_listing(place.existing(str(images), "--images"))
    if not found.names:
        raise ValueError(f"--images: {images} contains no files")
    return found


def batches(listing: place.Listing, preparation: Preparation) -> Iterator[list[Incoming]]:
    """Yield all files in order, a batch in memory at a time, and at the end what the listing left out."""
    batch: list[Incoming] = []
    held = 0
    for name in listing.names:
        found = _read(name, listing, preparation)
        batch.append(found)
        held += 0 if found.image is None else found.image.nbytes
        if len(batch) == BATCH or held >= HELD:
            yield batch
            batch, held = [], 0
    yield batch + [Incoming(unused.origin, None, unused.reason) for unused in listing.unused]


def prepared(images: Sequence[NDArray[np.uint8]], preparation: Preparation) -> NDArray[np.uint8]:
    """Return images of any size as a batch (B, H, W, C) like those of the data set."""
    return np.stack([preparation.apply(image) for image in images])


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, total: int) -> None:
    """Write rows to a CSV file as they come, with a progress line on a terminal."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for count, row in enumerate(rows, start=1):
            writer.writerow(row)
            if sys.stderr.isatty() and (count % BATCH == 0 or count == total):
                print(f"\r{count:,} of {total:,}", end="\n" if count == total else "", file=sys.stderr, flush=True)


def check_out(out: Path, table: str, command: str, reads: Mapping[str, Path]) -> None:
    """Raise ValueError if writing to `out` would replace anything but an earlier result, or mix with what is read.

    An earlier result has a manifest that lists the file `table`; `reads` are the folders that `command` reads, by name.
    """
    for what, other in reads.items():
        if out == other or out in other.parents or other in out.parents:
            raise ValueError(f"--out: {out} overlaps with the folder of the {what}, {other}; choose another folder")
    earlier = (out / files.MANIFEST).exists() and table in files.read_manifest(out)
    if out.exists() and not (out.is_dir() and (earlier or not any(out.iterdir()))):
        raise ValueError(f"--out: {out} exists and is not a result of {command}; choose another folder")


def _read(name: str, listing: place.Listing, preparation: Preparation) -> Incoming:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about what is handled here: large images, odd metadata
        try:
            image = preparation.decode(listing.path(name))
        except UnreadableError as problem:
            return Incoming(name, None, str(problem))
    return Incoming(name, image, preparation.remark(image))
