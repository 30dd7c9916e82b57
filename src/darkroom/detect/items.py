"""Rows of normal and of anomalous images, and of anomalous ones mixed into the training set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data.store import Store, labeled, needed
from darkroom.randomness import derive

UNLABELED = "unlabeled"
"""In place of normal classes: the images without a label, unless a class has this name."""
HINTS = {
    "train": "choose classes it contains, or move images there",
    "val": "the threshold is set on them: set data.split.val above 0 or add images of the class "
    "(copies of an image stay in one split)",
}


def normal_rows(store: Store, split: str, normal: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the rows of a split's normal images.

    Raises ValueError for an unknown class, or if the split has no normal image.
    """
    known = normal_labels(store, normal)
    unknown = [name for name in normal if name not in known]
    if unknown:
        hint = settings.choice(unknown[0], store.classes)
        raise ValueError(f"detect.normal: {store.name} has no class {settings.quoted(unknown[0])}.{hint}")
    rows = store.rows(split)
    rows = rows[np.isin(store.labels[rows], list(known.values()))]
    if not len(rows):
        labels = store.labels[store.rows(split)]
        there = [settings.printable(name) for label, name in enumerate(store.classes) if (labels == label).any()]
        raise ValueError(
            f"detect.normal: the {split} split of {store.name} has no image of "
            f"{', '.join(map(settings.printable, normal))}; its classes are: {', '.join(there) or 'none'}; {HINTS[split]}"
        )
    return rows


def is_anomalous(store: Store, rows: NDArray[np.int64], normal: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return a mask of these rows: True if the class is not a normal one."""
    found: NDArray[np.bool_] = ~np.isin(store.labels[rows], list(normal_labels(store, normal).values()))
    return found


def normal_labels(store: Store, normal: tuple[str, ...]) -> dict[str, int]:
    """Return the labels of the normal classes that the store has; that of unlabeled images is -1."""
    known = {name: label for label, name in enumerate(store.classes)}
    return {name: label for name, label in {UNLABELED: -1, **known}.items() if name in normal}


def tested_rows(store: Store, normal: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the test images that scores are measured on: those with a label, and those without if they are normal.

    Raises ValueError if there are none.
    """
    return needed(store, "test", labels=-1 not in normal_labels(store, normal).values())


def contaminated(
    store: Store, rows: NDArray[np.int64], normal: tuple[str, ...], share: float, *, seed: int
) -> NDArray[np.int64]:
    """Add anomalous rows to these normal training rows until they are this share of all; the result is sorted.

    They are drawn uniformly from the train split's images of other classes; for the same seed, a larger share includes the
    images of a smaller one. Raises ValueError if there are too few, or if the share is less than one image.
    """
    if not share:
        return rows
    count = round(share * len(rows) / (1 - share))
    among = labeled(store, "train")
    among = among[is_anomalous(store, among, normal)]
    if not len(among):
        raise ValueError(
            f"detect.contamination adds labeled anomalies, and the train split of {store.name} has none; leave it out: detectors "
            "are fitted on the images as they are, with the anomalies among them"
        )
    wanted = f"detect.contamination: a share of {share:g} anomalous images beside {len(rows)} normal ones"
    if not count:
        raise ValueError(f"{wanted} is less than one image; the smallest possible share is {1 / (len(rows) + 1):.2g}")
    if count > len(among):
        most = len(among) / (len(rows) + len(among))
        raise ValueError(
            f"{wanted} needs {count}, but the train split of {store.name} has {len(among)} images of other classes; "
            f"the largest possible share is {most:.2g}"
        )
    drawn = np.random.default_rng(derive(seed, "contamination")).permutation(among)[:count]
    return np.sort(np.concatenate([rows, drawn]))


def labels_given(store: Store, rows: NDArray[np.int64], normal: tuple[str, ...], *, seed: int) -> NDArray[np.int64]:
    """Return the labels a detector gets for these rows: an anomalous image gets a random normal image's label."""
    labels, strange = store.labels[rows], is_anomalous(store, rows, normal)
    if strange.any():
        generator = np.random.default_rng(derive(seed, "labels of contamination"))
        labels[strange] = generator.choice(labels[~strange], size=int(strange.sum()))
    return labels
