"""Images and labels as arrays in a NumPy archive."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.data import archives, place
from darkroom.data.item import SPLIT_NAMES, Contents, Item, array_items, ordered, text_labels
from darkroom.registry import register
from darkroom.settings import Sha256

IMAGES, LABELS = ("x", "images", "image", "data"), ("y", "labels", "label", "targets", "target")
SPLITS = {"": None, **SPLIT_NAMES}


@register("source", "npz")
class Npz:
    """Arrays in an .npz file: x and y, or x_train, y_train, x_test, y_test (and x_val, y_val); also images and labels.

    Accepted names: x, images, image or data for images; y, labels, label, targets or target for labels; alone or with
    train, val or test before or after (`x_train`, `train_images`), in any case. Images are (N, H, W), (N, H, W, C),
    (N, C, H, W) or (N, pixels) of a square. Labels are integers, strings or one-hot rows. Pickled objects are never read.
    The file is read into memory.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the .npz file, or a zip or tar with one: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the file or archive, checked first")] = None,
        classes: Annotated[list[str] | None, Field(min_length=1, description="names of the labels 0, 1, 2 ...")] = None,
        levels: Annotated[
            tuple[float, float] | None,
            Field(description="the values of black and white; default: inferred from all images"),
        ] = None,
    ) -> None:
        self.path, self.sha256, self.classes, self.levels = path, sha256, classes, levels

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the file."""
        place.bring(raw, self.path, self.sha256, plain=(".npz",))

    def contents(self, raw: Path) -> Contents:
        """Return the images in file order. Raises ValueError naming the arrays found."""
        if self.levels is not None and self.levels[0] >= self.levels[1]:
            raise ValueError(f"data.source.levels: got {list(self.levels)}; expected black below white")
        listing = place.listing(raw, self.path)
        files = [name for name in listing.names if name.lower().endswith(".npz")]
        if len(files) != 1:
            found = ", ".join(files[:10]) or "none"
            raise ValueError(f"data.source.path: {self.path}: expected one .npz file, found {found}")
        arrays = self._arrays(listing.path(files[0]))
        items: list[Item] = []
        for x, y, split in self._pairs(arrays):
            labels = named(as_labels(arrays[y], f"{self.path}: {y}"), self.classes)
            images = as_images(arrays[x], f"{self.path}: {x}")
            if len(images) != len(labels):
                raise ValueError(
                    f"data.source.path: {self.path}: {x} has {len(images)} images, {y} has {len(labels)} labels"
                )
            items += array_items(images, [label or None for label in labels], name=x, split=split)
        classes = tuple(self.classes) if self.classes else ordered(item.label for item in items if item.label)
        return Contents(items, classes, listing.unused, levels=self.levels)

    def _arrays(self, file: Path) -> dict[str, NDArray[Any]]:
        """Read the arrays named like images or labels, after checking the file against the decompression limits."""
        try:
            budget = archives.Budget(file.stat().st_size)
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    budget.spend(info.file_size)
            with np.load(file, allow_pickle=False) as opened:
                return {name: opened[name] for name in opened.files if _meaning(name)}
        except (ValueError, *archives.BROKEN) as error:
            reason = "it holds Python objects, which are never read" if "pickle" in str(error) else error
            raise ValueError(f"data.source.path: {self.path} cannot be read as .npz: {reason}") from None

    def _pairs(self, arrays: Mapping[str, NDArray[Any]]) -> list[tuple[str, str, str | None]]:
        """Return the names of the images and labels, and the split, for every split."""
        found: dict[str, dict[bool, str]] = {}
        for name in arrays:
            part, is_image = _meaning(name) or ("", False)
            if is_image in found.setdefault(part, {}):
                raise ValueError(f"data.source.path: {self.path}: {found[part][is_image]} and {name} mean the same")
            found[part][is_image] = name
        pairs = [(pair[True], pair[False], SPLITS[part]) for part, pair in found.items() if len(pair) == 2]
        if not pairs or len(pairs) < len(found):
            names = ", ".join(arrays) or "no array with a known name"
            raise ValueError(
                f"data.source.path: {self.path} holds {names}; expected pairs such as x and y, or x_train and y_train"
            )
        return sorted(pairs, key=lambda pair: list(SPLITS.values()).index(pair[2]))


def _meaning(name: str) -> tuple[str, bool] | None:
    """Return an array's split (a key of SPLITS) and whether it holds images; None for other names."""
    words = name.lower().split("_")
    kinds = [word for word in words if word in IMAGES or word in LABELS]
    parts = [word for word in words if word in SPLITS and word]
    if len(kinds) != 1 or len(kinds) + len(parts) != len(words) or len(parts) > 1:
        return None
    return (parts[0] if parts else ""), kinds[0] in IMAGES


def as_images(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Return (N, H, W) or (N, H, W, C) from those, (N, C, H, W) or (N, pixels of a square). Raises ValueError."""
    if values.ndim == 2 and (side := round(values.shape[1] ** 0.5)) ** 2 == values.shape[1]:
        return values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] not in (1, 2, 3, 4):
        return values.transpose(0, 2, 3, 1)
    if values.ndim == 3 or (values.ndim == 4 and values.shape[3] in (1, 2, 3, 4)):
        return values
    raise ValueError(
        f"data.source.path: {where} has the shape {values.shape}; expected (N, H, W) or (N, H, W, channels)"
    )


def as_labels(values: NDArray[Any], where: str) -> list[str]:
    """Return labels as strings, from integers, strings or one-hot rows (N, classes). Raises ValueError."""
    if values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "biuf":
        one_hot = np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()
        if one_hot:
            values = values.argmax(axis=1)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (values.dtype.kind == "f" and not (values == np.rint(values)).all()):
        raise ValueError(
            f"data.source.path: {where} has the shape {values.shape} and type {values.dtype}; expected one class per image"
        )
    if values.dtype.kind == "S":
        return text_labels([value.decode("utf-8", "backslashreplace") for value in values.tolist()])
    return text_labels(
        [str(value) for value in (values.astype(np.int64) if values.dtype.kind in "bf" else values).tolist()]
    )


def named(labels: list[str], names: list[str] | None) -> list[str]:
    """Replace the labels 0, 1, 2 ... by names. Raises ValueError for a label without a name."""
    if names is None:
        return labels
    by_number = {str(number): name for number, name in enumerate(names)}
    if unknown := sorted(set(labels) - by_number.keys()):
        raise ValueError(
            f"data.source.classes: names the labels 0 to {len(names) - 1}, but the data also has {', '.join(unknown[:5])}"
        )
    return [by_number[label] for label in labels]
