"""The file format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path
from typing import IO, Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.data import archives, place
from darkroom.data.item import SPLIT_NAMES, Contents, Item, array_items, ordered
from darkroom.registry import register
from darkroom.settings import Sha256

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
PART = re.compile(r"(?:^|[-_.])(t10k|train|test|valid|val)[-_.]")


@register("source", "idx")
class Idx:
    """MNIST's idx files: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., plain or .gz.

    Files named train, val (valid) and t10k (test) are given splits; a single pair without such a name is divided. A set
    without val takes it from train.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder of the files, or a zip or tar of it: local path or URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the archive, checked before unpacking")] = None,
        classes: Annotated[list[str] | None, Field(min_length=1, description="names of the labels 0, 1, 2 ...")] = None,
    ) -> None:
        self.path, self.sha256, self.classes = path, sha256, classes

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256, plain=(".gz",))

    def contents(self, raw: Path) -> Contents:
        """Return the images in file order, train first. Raises ValueError for damaged or missing files."""
        listing = place.listing(raw, self.path)
        pairs: dict[str, dict[str, str]] = {}
        for name in listing.names:
            if kind := next((word for word in ("images", "labels") if word in name.lower()), None):
                pair = pairs.setdefault(_part(name), {})
                if kind in pair:
                    raise ValueError(f"data.source.path: {self.path}: {pair[kind]} and {name} hold the same part")
                pair[kind] = name
        if not pairs or any(len(pair) < 2 for pair in pairs.values()):
            found = ", ".join(listing.names[:10]) or "nothing"
            raise ValueError(
                f"data.source.path: {self.path} holds {found}; expected files such as train-images-idx3-ubyte and "
                "train-labels-idx1-ubyte, plain or .gz"
            )
        items: list[Item] = []
        for part in sorted(pairs, key=lambda part: ["", "train", "val", "test"].index(SPLIT_NAMES.get(part, ""))):
            images, labels = (_read(listing.path(pairs[part][kind]), self.path) for kind in ("images", "labels"))
            if images.ndim not in (3, 4) or labels.ndim != 1 or len(images) != len(labels):
                raise ValueError(
                    f"data.source.path: {self.path}: {pairs[part]['images']} has the shape {images.shape}, "
                    f"{pairs[part]['labels']} {labels.shape}; expected (N, H, W) and (N,)"
                )
            texts = [str(label) for label in labels.tolist()]
            items += array_items(images, self._named(texts), name=part or "images", split=SPLIT_NAMES.get(part))
        classes = tuple(self.classes) if self.classes else ordered(item.label or "" for item in items)
        return Contents(items, classes, listing.unused)

    def _named(self, labels: list[str]) -> list[str]:
        if self.classes is None:
            return labels
        if unknown := {label for label in labels if not label.isdecimal() or int(label) >= len(self.classes)}:
            raise ValueError(
                f"data.source.classes: names the labels 0 to {len(self.classes) - 1}, but the data also has "
                + ", ".join(sorted(unknown)[:5])
            )
        return [self.classes[int(label)] for label in labels]


def _part(name: str) -> str:
    match = PART.search(Path(name).name.lower())
    return match[1] if match else ""


def _read(path: Path, shown: str) -> NDArray[Any]:
    """Read an idx file; an uncompressed one is memory-mapped. Raises ValueError if its size contradicts its header."""
    packed = path.name.lower().endswith(".gz")
    try:
        with cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb") as stream:
            head = stream.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not head[3]:
                raise ValueError("it does not start like an idx file")
            shape = tuple(np.frombuffer(stream.read(4 * head[3]), ">u4").tolist())
            dtype = np.dtype(TYPES[head[2]])
            size = math.prod(shape) * dtype.itemsize
            if not packed:
                if path.stat().st_size != 4 + 4 * head[3] + size:
                    raise ValueError(f"its header declares {size:,} bytes of values")
                return np.memmap(path, dtype, "r", 4 + 4 * head[3], shape)
            archives.Budget(path.stat().st_size).spend(size)
            values = stream.read(size + 1)
    except (ValueError, *archives.BROKEN) as error:
        raise ValueError(f"data.source.path: {shown}: {path.name} cannot be read: {error}") from None
    if len(values) != size:
        raise ValueError(f"data.source.path: {shown}: {path.name} cannot be read: its header declares {size:,} bytes")
    return np.frombuffer(values, dtype).reshape(shape)
