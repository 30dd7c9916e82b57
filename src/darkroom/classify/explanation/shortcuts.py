"""Test for shortcuts: can the target be read off the file type, the size, the camera or the padding, without the picture?

A small decision tree sees these attributes alone, and predicts the class, whether a label is there, or the quarter that a
number lies in. Its balanced accuracy on images that it was not grown on, five-fold, with copies and groups in one fold, is
compared with chance: one over the number of classes. A shortcut closes a tenth of the gap between chance and certainty, even
at the lower end of its interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

LEVEL = 0.05
FOLDS = 5
FEWEST = 2 * FOLDS
"""Images that a class must have to be counted."""
GAP = 0.1
"""Share of the gap between chance and certainty that a shortcut closes at the lower end of its interval."""
DEPTH, LEAF = 6, 5
BACKGROUND = "most images of every kind have a plain border, which is then their background"
CONSTANT = "the same for all images"
UNKNOWN = "not recorded by the source"
FEW_CLASSES = "fewer than two classes have enough images"
FEW_IMAGES = "too few images with or without it, or of different quarters"

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Shortcut:
    """How well one kind of attribute predicts the class, or the label or number `output`: balanced accuracy with its interval,
    or why it was not tested.

    All intervals of a test hold together with 95 % confidence (Bonferroni).
    """

    kind: str
    output: int | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    images: int = 0
    classes: int = 0
    found: bool = False
    reason: str = ""


@dataclass(frozen=True)
class _Asked:
    """A column of classes (n,) that attributes may predict, of the images (n,) of classes with enough of them."""

    output: int | None
    labels: Labels
    folds: Labels
    seen: dict[str, Floats | str]


def shortcuts(table: pd.DataFrame, columns: Labels, groups: Labels, generator: np.random.Generator) -> list[Shortcut]:
    """Test each kind of attribute of a table (N rows) with groups (N,).

    `columns` has the classes that attributes may predict: (N,), or (N, K) for K outputs.
    """
    several = columns.ndim == 2
    asked = [
        _asked(table, labels, groups, generator, output if several else None)
        for output, labels in enumerate(columns.T if several else [columns])
    ]
    tested = sum(not isinstance(values, str) for one in asked for values in one.seen.values())
    return [
        Shortcut(kind, one.output, reason=values) if isinstance(values, str) else _tested(kind, values, one, tested)
        for one in asked
        for kind, values in one.seen.items()
    ]


def _asked(
    table: pd.DataFrame, labels: Labels, groups: Labels, generator: np.random.Generator, output: int | None
) -> _Asked:
    kept = (np.bincount(labels) >= FEWEST)[labels]
    table, labels, groups = table[kept].reset_index(drop=True), labels[kept], groups[kept]
    if len(np.unique(labels)) < 2:
        reason = FEW_CLASSES if output is None else FEW_IMAGES
        return _Asked(output, labels, groups, dict.fromkeys(KINDS, reason))
    seen = {kind: look(table, labels) for kind, look in KINDS.items()}
    return _Asked(output, labels, _folds(groups, generator), seen)


def _tested(kind: str, values: Floats, asked: _Asked, tests: int) -> Shortcut:
    from sklearn.tree import DecisionTreeClassifier

    labels = asked.labels
    predicted = np.full(len(labels), -1)
    for fold in range(FOLDS):
        out = asked.folds == fold
        if out.any() and not out.all():
            tree = DecisionTreeClassifier(
                max_depth=DEPTH, min_samples_leaf=LEAF, class_weight="balanced", random_state=0
            )
            predicted[out] = tree.fit(values[~out], labels[~out]).predict(values[out])
    present, counts = np.unique(labels, return_counts=True)
    right = np.array([(predicted[labels == label] == label).sum() for label in present])
    accuracy, chance = float((right / counts).mean()), 1 / len(present)
    shrunk = (right + 1) / (counts + 2)  # so that a class with no mistake has a variance
    error = float(np.sqrt((shrunk * (1 - shrunk) / counts).sum())) / len(present)
    reach = float(special.ndtri(1 - LEVEL / (2 * tests))) * error
    low, high = max(0.0, accuracy - reach), min(1.0, accuracy + reach)
    found = low - chance >= GAP * (1 - chance)
    return Shortcut(kind, asked.output, accuracy, low, high, chance, len(labels), len(present), found)


def _folds(groups: Labels, generator: np.random.Generator) -> Labels:
    """Assign each image to a fold; images of one group share theirs."""
    numbers = np.unique(groups, return_inverse=True)[1]
    found: Labels = (generator.permutation(numbers.max() + 1) % FOLDS)[numbers]
    return found


def _values(table: pd.DataFrame, names: tuple[str, ...]) -> Floats | str:
    """Return recorded values as columns for a tree, one per value of a text; or why they tell nothing."""
    columns = []
    if table[list(names)].isna().all(axis=None):
        return UNKNOWN
    for name in names:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            columns.append(values.to_numpy(dtype=np.float64, na_value=-1.0))
        else:
            texts = values.fillna("").astype(str)
            columns += [(texts == value).to_numpy(np.float64) for value in sorted(texts.unique())]
    found = np.stack(columns, 1)
    return CONSTANT if (found == found[0]).all() else found


def _padding(table: pd.DataFrame, labels: Labels) -> Floats | str:
    """Return the shares of rows and columns in plain borders, unless most images of every class have some."""
    values = table[["border_rows", "border_columns"]].to_numpy(np.float64)
    bordered = np.any(values > 0, axis=1)
    if all(bordered[labels == label].mean() > 0.5 for label in np.unique(labels)):
        return BACKGROUND
    return CONSTANT if (values == values[0]).all() else values


KINDS: dict[str, Callable[[pd.DataFrame, Labels], Floats | str]] = {
    "file type": lambda table, labels: _values(table, ("format",)),
    "size": lambda table, labels: _values(table, ("width", "height")),
    "camera": lambda table, labels: _values(table, ("camera",)),
    "padding": _padding,
}
