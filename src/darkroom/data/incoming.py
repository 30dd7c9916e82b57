"""Images from outside a data set, brought to the shape that a model was trained on.

A command that applies a trained model to new images lists them, reads them batch by batch in bounded memory, and writes a table
with one row per file: what the model says of it, or a note with the reason why it could not be read.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.data import place
from darkroom.data import preparation as of_images
from darkroom.data.item import UnreadableError, readable
from darkroom.data.preparation import Preparation
from darkroom.data.sound_preparation import SoundPreparation, read_sound_preparation
from darkroom.data.store import PREPARATION
from darkroom.data.words import shown

Prepares = Preparation | SoundPreparation
"""What brings files from outside to the form of a data set's samples."""
BATCH, HELD = 64, 64_000_000
"""Maximum number of files per batch, and of image bytes after which a batch ends early."""
NOT_ALL = 3
"""Exit code if some files could not be read."""
NAMED = 3
"""Files that could not be read, up to which a command prints them with the reason."""


@dataclass(frozen=True, eq=False)
class Incoming:
    """A file: its image at its own size (h, w, 1 or 3), or None and the reason as `note`.

    The note of a readable image says if its shape is unlike those of the data set.
    """

    name: str
    """Relative path as listed; it may contain bytes that are not UTF-8."""
    image: NDArray[Any] | None
    note: str = ""

    @property
    def file(self) -> str:
        """The name as text."""
        return readable(self.name)


@dataclass(frozen=True, eq=False)
class Rows:
    """Some samples (B, ...) of files that hold many, with their names; none, and the reason, for what cannot be read."""

    names: list[str]
    samples: NDArray[Any] | None
    note: str = ""


@dataclass
class Unreadable:
    """Counts what could not be read, and keeps the first of it with the reasons."""

    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """Count a file or row."""
        self.count += 1
        if len(self.first) < NAMED:
            self.first.append((name, reason))

    def tell(self, total: int) -> int:
        """Print the first of them; return the exit code: 1 if nothing of the `total` was read, `NOT_ALL` if some was not."""
        for name, reason in self.first:
            print(f"could not be read: {shown(name, 60)}: {reason}")
        if more := self.count - len(self.first):
            print(f"and {more:,} more; the column note has the reasons")
        return 1 if self.count == total else NOT_ALL if self.count else 0


def read_preparation(folder: Path) -> Prepares:
    """Read how the images or recordings of a model were prepared.

    Raises FileNotFoundError if its folder does not say, ValueError if the model takes texts.
    """
    path = folder / PREPARATION
    about = files.read_json(path) if path.exists() else {}
    if about.get("kind") == "text":
        raise ValueError(f"{folder} takes texts; expected a model of images or recordings")
    return read_sound_preparation(folder) if "rate" in about else of_images.read_preparation(folder)


def listed(samples: Path, key: str = "--samples") -> place.Listing:
    """List the files in a folder and its subfolders, or the one file. Raises ValueError with the option `key` for none."""
    found = place.local_listing(place.existing(str(samples), key))
    if not found.names:
        raise ValueError(f"{key}: {samples} contains no files")
    return found


def batches(listing: place.Listing, preparation: Prepares) -> Iterator[list[Incoming]]:
    """Yield all files in order, a batch in memory at a time, and at the end what the listing left out."""
    batch: list[Incoming] = []
    held = 0
    for name in listing.names:
        with quiet():
            found = read(name, listing.path(name), preparation)
        batch.append(found)
        held += 0 if found.image is None else found.image.nbytes
        if len(batch) == BATCH or held >= HELD:
            yield batch
            batch, held = [], 0
    yield batch + [Incoming(unused.origin, None, unused.reason) for unused in listing.unused]


def prepared(images: Sequence[NDArray[Any]], preparation: Prepares) -> NDArray[Any]:
    """Return images of any size as a batch (B, H, W, C) like those of the data set."""
    return np.stack([preparation.apply(image) for image in images])


def check_out(out: Path, results: Collection[str], command: str, reads: Mapping[str, Path]) -> None:
    """Raise ValueError if writing to `out` would replace anything but an earlier result, or mix with what is read.

    An earlier result has a manifest that lists one of the files `results`; `reads` are the folders that `command` reads, by
    name.
    """
    for what, other in reads.items():
        if out == other or out in other.parents or other in out.parents:
            raise ValueError(f"--out: {out} overlaps with the folder of the {what}, {other}; choose another folder")
    earlier = (out / files.MANIFEST).exists() and not files.read_manifest(out).keys().isdisjoint(results)
    if out.exists() and not (out.is_dir() and (earlier or not any(out.iterdir()))):
        raise ValueError(f"--out: {out} exists and is not a result of {command}; choose another folder")


def read(name: str, path: Path, preparation: Prepares) -> Incoming:
    """Decode a file. Pillow's warnings about what is handled here, large images and odd metadata, are the caller's to `quiet`."""
    try:
        image: NDArray[Any] = preparation.decode(path)
    except UnreadableError as problem:
        return Incoming(name, None, str(problem))
    return Incoming(name, image, preparation.remark(image))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore warnings in all threads; to be entered and left by one of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
