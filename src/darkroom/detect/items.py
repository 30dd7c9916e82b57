"""Which images are normal, and which are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data.store import Store

HINTS = {
    "train": "name classes that it has, or move images there",
    "val": "the threshold is set from them: set data.split.val above 0 or give the class more images "
    "(copies of a picture stay in one split)",
}


def normal_rows(store: Store, split: str, normal: tuple[str, ...]) -> NDArray[np.int64]:
    """The rows of a split's normal images, of which there must be some.

    Raises ValueError for a class that the data set has not, or when the split has no normal image.
    """
    unknown = [name for name in normal if name not in store.classes]
    if unknown:
        hint = settings.choice(unknown[0], store.classes)
        raise ValueError(f"detect.normal: {store.name} has no class {settings.quoted(unknown[0])}.{hint}")
    rows = store.rows(split, normal)
    if not len(rows):
        labels = store.labels[store.rows(split)]
        there = [settings.printable(name) for label, name in enumerate(store.classes) if (labels == label).any()]
        raise ValueError(
            f"detect.normal: no image of {', '.join(map(settings.printable, normal))} in the {split} split of "
            f"{store.name}, whose classes there are: {', '.join(there) or 'none'}; {HINTS[split]}"
        )
    return rows


def anomalous(store: Store, rows: NDArray[np.int64], normal: tuple[str, ...]) -> NDArray[np.bool_]:
    """For each of these rows, whether its class is none of the normal ones."""
    found: NDArray[np.bool_] = ~np.isin(store.labels[rows], [store.label(name) for name in normal])
    return found
