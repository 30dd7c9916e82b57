"""A data set on disk: one memory-mapped array of samples, one table, and the names of the classes.

samples.npy     one row per sample; images are (N, H, W, C) uint8 with C 1 or 3, see `data.kind` for the others
masks.npy       (M, H, W) uint8, 255 where an image is anomalous, else 0; for images with a mask only
items.parquet   one row per sample: id, label, split, group, mask, origin, sha256, twin_in_train
                augmented stores: id, label, split, group, mask, parent, copy, transforms
                stores with corrected labels: given_label, the label before
                stores with hidden labels: hidden_label, -1 where none is hidden
                stores of texts: text
                stores of sources that name groups, such as patients: group_name
                stores with several labels per image or with numbers: one column target/NAME per label or number
store.json      the data set's name and class names, the target if it is not one class, and the kind and the shape that
                networks take of samples that are not images

`twin_in_train` says whether the training split holds a copy or near-duplicate of an image outside of it.
"""

from __future__ import annotations

import mmap
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, settings
from darkroom.data.kind import PLURAL, SampleKind, Shape
from darkroom.data.stratification import strata
from darkroom.data.target import Target, read_target

STORE = "store.json"
"""What a store is: name, classes, kind, target."""
ITEMS = "items.parquet"
"""One row per sample."""
SPLITS = ("train", "val", "test")
PREPARATION = "preparation.json"
"""How the images of a prepared store came to their shape; see `darkroom.data.preparation`."""
TOKENIZER = "tokenizer.json"
"""How the texts of a prepared store became token numbers; see `darkroom.data.text.tokens`."""
COLUMNS_FILE = "columns.json"
"""The columns of a table: name, kind, categories, share of missing cells in training."""
COLUMNS = ("id", "label", "split", "group", "mask")
"""The columns of every store's table. `label` indexes `classes` and `mask` the masks; -1 is none."""


GROUP_NAME = "group_name"
"""The column with the groups as the source names them, None for an item without one; stores without such groups lack it."""


@dataclass(frozen=True)
class Store:
    """An open store; samples and masks stay on disk until used."""

    name: str
    classes: tuple[str, ...]
    samples: NDArray[Any]  # (N, ...)
    items: pd.DataFrame
    masks: NDArray[np.uint8] | None = None  # (M, H, W)
    values: Target | None = None  # the labels or numbers that the table holds in place of a class
    kind: SampleKind = "image"
    sizes: Shape | None = None  # the shape that networks take; images have their own

    @property
    def target(self) -> Target:
        """What a model predicts for an image."""
        return self.values or Target("class", self.classes)

    @property
    def targets(self) -> NDArray[np.int64] | NDArray[np.float32]:
        """The target of every image.

        One class: the labels (N,) int64, -1 for none. Labels or numbers: float32 (N, K) of 0 and 1, or in the table's
        units; NaN for none.
        """
        if self.values is None:
            return self.labels
        return self.items[self.values.columns].to_numpy(dtype=np.float32)

    def strata(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what to stratify these rows by: their classes (n,), or several strata each (n, C), see `stratification`."""
        return self.labels[rows] if self.values is None else strata(self.values, self.targets[rows].astype(np.float32))

    @property
    def shape(self) -> Shape:
        """The shape that networks take: (C, H, W) of images, see `data.kind`."""
        if self.sizes is not None:
            return self.sizes
        _, height, width, channels = self.samples.shape
        return channels, height, width

    def rows(self, split: str, classes: tuple[str, ...] | None = None) -> NDArray[np.int64]:
        """Return the rows of a split in order, of these classes only if given.

        Raises ValueError for an unknown split or class.
        """
        if split not in SPLITS:
            raise ValueError(f'no split "{split}"; the splits are {", ".join(SPLITS)}')
        chosen = (self.items["split"] == split).to_numpy()
        if classes is not None:
            chosen = chosen & self.items["label"].isin([self.label(name) for name in classes]).to_numpy()
        return np.flatnonzero(chosen)

    def label(self, name: str) -> int:
        """Return the label of a class. Raises ValueError naming the existing classes."""
        if name not in self.classes:
            raise ValueError(f"no class {settings.quoted(name)} in {self.name}.{settings.choice(name, self.classes)}")
        return self.classes.index(name)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label of every image, -1 if it has none."""
        return self.items["label"].to_numpy(dtype=np.int64)


def open_store(root: str | Path, *, classes_only: bool = False) -> Store:
    """Open the store in a stage's folder; with `classes_only`, images that have labels or numbers count as unlabeled.

    Raises FileNotFoundError when the stage did not finish.
    """
    root = Path(root)
    files.read_manifest(root)
    about: dict[str, Any] = files.read_json(root / STORE)
    masks, target = root / "masks.npy", read_target(about)
    return Store(
        name=about["name"],
        classes=tuple(about["classes"]),
        samples=np.load(root / "samples.npy", mmap_mode="r", allow_pickle=False),
        items=pd.read_parquet(root / ITEMS),
        masks=np.load(masks, mmap_mode="r", allow_pickle=False) if masks.exists() else None,
        values=None if classes_only or target.kind == "class" else target,
        kind=about.get("kind", "image"),
        sizes=tuple(about["shape"]) if "shape" in about else None,
    )


def labeled(store: Store, split: str) -> NDArray[np.int64]:
    """Return the rows of a split that have a target: a class, labels or numbers."""
    rows = store.rows(split)
    if store.values is None:
        return rows[store.labels[rows] >= 0]
    return rows[~np.isnan(store.targets[rows]).any(axis=1)]


def needed(store: Store, split: str, *, labels: bool = True) -> NDArray[np.int64]:
    """Return the rows of a split that a stage requires. Raises ValueError with the config key if there are none."""
    rows = labeled(store, split) if labels else store.rows(split)
    if not len(rows):
        what = f"labeled {split}" if labels else split
        raise ValueError(
            f"{store.name} has no {what} {PLURAL[store.kind]}; set data.split.{split} above 0 or, if it is, add some "
            "(one of each class goes to train first, and copies of one stay in one split)"
        )
    return rows


def release(array: NDArray[Any]) -> None:
    """Release the pages of a memory-mapped array; they stay in the system's cache.

    Otherwise a pass over a large array counts towards the process's memory.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # Linux
        mapped.madvise(mmap.MADV_DONTNEED)


def copy_preparation(root: Path, folder: Path) -> None:
    """Copy what a prepared store says of its preparation into a model's folder, for samples that arrive later."""
    for name in (PREPARATION, TOKENIZER, COLUMNS_FILE):
        if (root / name).exists():
            shutil.copyfile(root / name, folder / name)


def describe_store(
    root: Path,
    *,
    name: str,
    classes: tuple[str, ...],
    items: pd.DataFrame,
    target: Target | None = None,
    kind: SampleKind = "image",
    sizes: Shape | None = None,
) -> None:
    """Write the table and description of a store whose `samples.npy` (and `masks.npy`) are already in `root`.

    `target` is needed for labels or numbers, `sizes` for samples other than images. Raises ValueError naming missing columns
    of the table.
    """
    needed = [*COLUMNS, *(target.columns if target else [])]
    if missing := set(needed) - set(items.columns):
        raise ValueError(
            f"a store's table needs the columns {', '.join(needed)}; missing: {', '.join(sorted(missing))}"
        )
    items.to_parquet(root / ITEMS, index=False)
    about = {"name": name, "classes": list(classes), **(target.saved() if target else {})}
    if sizes is not None:
        about |= {"kind": kind, "shape": list(sizes)}
    files.write_json(root / STORE, about)


def new_array(path: Path, shape: tuple[int, ...], dtype: type[Any] = np.uint8) -> NDArray[Any]:
    """Create an array on disk to fill in place, so that a set larger than memory can be written."""
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    files.reserve(path, path.stat().st_size)  # on a full disk, writing to a sparse file would kill the process
    return array
