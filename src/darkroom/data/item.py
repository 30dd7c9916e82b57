"""What a source hands over: its images one by one, with what it knows about each."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:  # the plan imports this module; numpy and Pillow would take half of its time
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
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
"""The split that a folder, file or table entry of this name (in small letters) means."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source."""

    id: str
    """Unique in the source; the same in every run."""
    image: Pixels
    label: str | None = None
    """The class name; None where the source has none."""
    split: str | None = None
    """`train`, `val` or `test` where the source divides its images itself."""
    group: str | None = None
    """Items of one group stay in one split."""
    mask: Pixels | None = None
    """Where the anomaly is: not zero inside."""
    origin: str = ""
    """Where the image comes from, for people."""
    mask_origin: str = ""


class Unused(NamedTuple):
    """Something that a source saw and does not hand over."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Contents:
    """All that a source holds, in an order that never changes."""

    items: Sequence[Item]
    classes: tuple[str, ...]
    """The class names in the order of their numbers; those without an image too."""
    unused: tuple[Unused, ...] = ()
    warnings: tuple[str, ...] = ()
    only_test: frozenset[str] = frozenset()
    """Classes that are meant to be in test alone, such as defects."""
    levels: tuple[float, float] | None = None
    """The values that mean black and white, where the source knows them."""


class Source(Protocol):
    """A plug-in of kind `source`; its options are its constructor's keyword-only arguments."""

    def fetch(self, raw: Path) -> None:
        """Bring the images into the folder `raw`, or write down there what was seen where they are."""

    def contents(self, raw: Path) -> Contents:
        """The images, after `fetch` has filled `raw`."""


def readable(name: str) -> str:
    """A file name that can be written as UTF-8: bytes that are none become `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def class_name(name: str) -> str:
    """A folder or table entry as class name: one spelling for letters that Unicode can write in two ways."""
    return unicodedata.normalize("NFC", readable(name))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Class names, each once: by number when all are whole numbers, else by letter."""
    unique = set(names)
    if all(name.lstrip("-").isdecimal() and name.isascii() for name in unique):
        return tuple(sorted(unique, key=lambda name: (int(name), name)))
    return tuple(sorted(unique))


def array_items(
    images: NDArray[Any], labels: Sequence[str | None], *, name: str, split: str | None = None
) -> list[Item]:
    """An item for each image of an array (N, H, W) or (N, H, W, C); `name` is what the source calls the array."""
    width = len(str(max(len(images) - 1, 0)))
    return [
        Item(id=f"{name}-{row:0{width}}", image=image, label=label, split=split, origin=f"{name}[{row}]")
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def save_arrays(raw: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """Keep the images and labels of a library as `images.npy` and `labels.npy`."""
    import numpy as np

    np.save(raw / "images.npy", images, allow_pickle=False)
    np.save(raw / "labels.npy", labels, allow_pickle=False)


def saved_arrays(raw: Path, *, name: str) -> Contents:
    """The contents of a folder that `save_arrays` filled."""
    import numpy as np

    images = np.load(raw / "images.npy", mmap_mode="r", allow_pickle=False)
    labels = [str(label) for label in np.load(raw / "labels.npy", allow_pickle=False)]
    return Contents(array_items(np.asarray(images), labels, name=name), ordered(labels))
