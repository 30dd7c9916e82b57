"""What a source hands over: its images one by one, with what it knows about each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from darkroom import settings
from darkroom.data.target import Target

if TYPE_CHECKING:  # planning imports this module; importing numpy and Pillow would double its time
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Pixels: TypeAlias = "Path | NDArray[Any] | Callable[[], Image.Image]"
"""An image before decoding: a file, an array (H, W) or (H, W, C), or a function that opens it."""

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "evaluation": "val",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
"""Lower-case names of folders, files, arrays and table entries → the split they stand for."""


class UnreadableError(Exception):
    """A file that cannot be used; the text is the reason to list."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source."""

    id: str
    """Unique within the source and stable across runs."""
    image: Pixels
    label: str | None = None
    """The class name; None if the source has none."""
    target: tuple[float, ...] | None = None
    """The values of the source's labels or numbers; None if the image has no target, or the target is its class."""
    split: str | None = None
    """`train`, `val` or `test` if the source comes with splits."""
    pinned: bool = False
    """Stays in its split even where val or test is drawn from that split's images."""
    group: str | None = None
    """Items of one group stay in one split."""
    mask: Pixels | None = None
    """Where the anomaly is: nonzero inside."""
    origin: str = ""
    """Where the image comes from, for people to read."""
    mask_origin: str = ""
    text: str | None = None
    """The text itself, if `image` is a table of texts."""


class Unused(NamedTuple):
    """A file or table row that a source found but does not hand over."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Contents:
    """Everything a source holds, in a fixed order."""

    items: Sequence[Item]
    classes: tuple[str, ...]
    """Class names in label order, including classes without an image."""
    unused: tuple[Unused, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """How the source read what it found, such as the folder layout it recognized."""
    only_test: frozenset[str] = frozenset()
    """Classes that belong in test only, such as defects."""
    levels: tuple[float, float] | None = None
    """The values that mean black and white, if the source knows them."""
    target: Target | None = None
    """The labels or numbers that the items carry in place of a class."""


class Source(Protocol):
    """A plug-in of kind `source`; its options are its constructor's keyword-only arguments."""

    def fetch(self, raw: Path) -> None:
        """Bring the images into the folder `raw`, or record there which files are read in place."""

    def contents(self, raw: Path) -> Contents:
        """Return the images, after `fetch` has filled `raw`."""


def readable(name: str) -> str:
    """Return a file name that can be written as UTF-8; other bytes become escapes such as `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def class_name(name: str) -> str:
    """Return the class name for a folder or table entry, in Unicode normal form C."""
    return unicodedata.normalize("NFC", readable(name))


def given_split(text: str, where: str) -> str | None:
    """Return the split that a cell of a table names, None for an empty cell. Raises ValueError, with `where`, for others."""
    if not text.strip():
        return None
    split = SPLIT_NAMES.get(text.strip().lower())
    if split is None:
        hint = settings.nearest(text, SPLIT_NAMES)
        raise ValueError(f'data.source.path: {where}: split "{text}"; expected train, val, test or nothing.{hint}')
    return split


def text_labels(values: Sequence[str]) -> list[str]:
    """Return labels without surrounding white space; whole numbers lose the `.0` that a missing value gives a column."""
    labels = [value.strip() for value in values]
    if all(re.fullmatch(r"-?\d+(\.0+)?", label, re.ASCII) for label in labels if label):
        return [label.partition(".")[0] for label in labels]
    return labels


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct class names: numerically if all are whole numbers, else alphabetically."""
    unique = set(names)
    if all(name.lstrip("-").isdecimal() and name.isascii() for name in unique):
        return tuple(sorted(unique, key=lambda name: (int(name), name)))
    return tuple(sorted(unique))


def array_items(
    images: NDArray[Any], labels: Sequence[str | None], *, name: str, split: str | None = None
) -> list[Item]:
    """Return one item per image of an array (N, H, W) or (N, H, W, C); `name` is the array's name in the source."""
    width = len(str(max(len(images) - 1, 0)))
    return [
        Item(id=f"{name}-{row:0{width}}", image=image, label=label, split=split, origin=f"{name}[{row}]")
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def save_arrays(raw: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """Save a library's images and labels as `images.npy` and `labels.npy`."""
    import numpy as np

    np.save(raw / "images.npy", images, allow_pickle=False)
    np.save(raw / "labels.npy", labels, allow_pickle=False)


def saved_arrays(raw: Path, *, name: str) -> Contents:
    """Return the contents of a folder that `save_arrays` filled."""
    import numpy as np

    images = np.load(raw / "images.npy", mmap_mode="r", allow_pickle=False)
    labels = [str(label) for label in np.load(raw / "labels.npy", allow_pickle=False)]
    return Contents(array_items(np.asarray(images), labels, name=name), ordered(labels))
