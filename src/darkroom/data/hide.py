"""Hide labels of training images on purpose, for experiments with few labels."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import randomness, settings
from darkroom.data.config import LabelBudget

HIDDEN = "hidden_label"
"""The column that keeps hidden labels, -1 for all other rows."""


@dataclass(frozen=True)
class Counts:
    """How many training images of each class kept their label, and how many lost it."""

    labeled: dict[str, int]
    hidden: dict[str, int]


def hide(
    budget: LabelBudget, classes: Sequence[str], table: pd.DataFrame, *, kept: Collection[str] = ()
) -> tuple[pd.DataFrame, Counts]:
    """Return a store's table with the hidden labels of training images moved to `hidden_label`, and the counts.

    In each class, the images whose ids have the lowest hashes with the seed keep their label, so that a larger budget
    contains a smaller one; so do the ids in `kept`. A column given_label loses the hidden labels, too. Raises ValueError,
    one line per class, if a class has fewer labeled training images than `per_class`.
    """
    labels, ids = table["label"].to_numpy(dtype=np.int64), table["id"].tolist()
    train = (table["split"] == "train").to_numpy()
    hidden = np.zeros(len(table), dtype=bool)
    problems = []
    for number, name in enumerate(classes):
        rows = np.flatnonzero(train & (labels == number)).tolist()
        wanted = _wanted(budget, len(rows))
        if wanted > len(rows):
            problems.append(
                f"data.labels.per_class: {wanted}: the class {settings.quoted(name)} has {len(rows)} labeled training images; "
                f"set per_class to at most the smallest class's count, or use share"
            )
        order = sorted(rows, key=lambda row: randomness.derive(budget.seed, "labels", ids[row]))
        hidden[[row for row in order[wanted:] if ids[row] not in kept]] = True
    if problems:
        raise ValueError("\n".join(problems))
    return _without(table, hidden), _counts(classes, labels, train, hidden)


def _wanted(budget: LabelBudget, count: int) -> int:
    """Return how many of a class's labels stay: at least one, if it has any."""
    if budget.per_class is not None:
        return budget.per_class if count else 0
    assert budget.share is not None
    return min(count, max(1, math.floor(budget.share * count + 0.5)))


def _without(table: pd.DataFrame, hidden: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the table with -1 in place of the hidden labels."""
    changed = {name: table[name].where(~hidden, -1) for name in ("label", "given_label") if name in table}
    return table.assign(**changed, **{HIDDEN: table["label"].where(hidden, -1)})


def _counts(
    classes: Sequence[str], labels: NDArray[np.int64], train: NDArray[np.bool_], hidden: NDArray[np.bool_]
) -> Counts:
    def of(rows: NDArray[np.bool_]) -> dict[str, int]:
        return {name: int((rows & (labels == number)).sum()) for number, name in enumerate(classes)}

    return Counts(labeled=of(train & ~hidden), hidden=of(hidden))
