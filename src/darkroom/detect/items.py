"""Which images are normal, which are not, and which are taken for normal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data.store import Store, labelled
from darkroom.randomness import derive

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


def contaminated(
    store: Store, rows: NDArray[np.int64], normal: tuple[str, ...], share: float, *, seed: int
) -> NDArray[np.int64]:
    """These normal training rows, and as many anomalous ones beside them as make this share of all, in the store's order.

    They are drawn evenly from the train split's images of other classes. With one seed a larger share takes those of a
    smaller one and more. Raises ValueError when there are too few, or when the share is less than one image.
    """
    if not share:
        return rows
    count = round(share * len(rows) / (1 - share))
    among = labelled(store, "train")
    among = among[anomalous(store, among, normal)]
    wanted = f"detect.contamination: a share of {share:g} anomalous images beside {len(rows)} normal ones"
    if not count:
        raise ValueError(f"{wanted} is less than one image; the smallest share here is {1 / (len(rows) + 1):.2g}")
    if count > len(among):
        most = len(among) / (len(rows) + len(among))
        raise ValueError(
            f"{wanted} takes {count}, but the train split of {store.name} has {len(among)} images of other classes; "
            f"the largest share is {most:.2g}"
        )
    drawn = np.random.default_rng(derive(seed, "contamination")).permutation(among)[:count]
    return np.sort(np.concatenate([rows, drawn]))


def labels_given(store: Store, rows: NDArray[np.int64], normal: tuple[str, ...], *, seed: int) -> NDArray[np.int64]:
    """The labels of these rows as a detector is told them: an anomalous one is taken for a normal one, drawn evenly."""
    labels, strange = store.labels[rows], anomalous(store, rows, normal)
    if strange.any():
        generator = np.random.default_rng(derive(seed, "labels of contamination"))
        labels[strange] = generator.choice(labels[~strange], size=int(strange.sum()))
    return labels
