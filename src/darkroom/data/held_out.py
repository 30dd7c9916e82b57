"""A test part that is not drawn by a share: one fold of several, or one group of the source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom import settings
from darkroom.data import split
from darkroom.data.config import Split
from darkroom.data.inspect import group_numbers
from darkroom.data.item import Item
from darkroom.data.split import Labels


def parts(spec: Split, items: Sequence[Item], labels: Labels, links: dict[int, int]) -> tuple[list[str], Labels]:
    """The split of every item and its group number; `links` join rows that show one picture or object.

    Raises ValueError when the source has a test part of its own but the method draws one, or no such group.
    """
    ids, given = [item.id for item in items], [item.split for item in items]
    named = [item.group for item in items]
    if spec.method != "random":
        if "test" in given:
            raise ValueError(
                f"data.split.method: {spec.method} chooses the test part, but the source has one of its own, which is "
                "kept; choose method: random, or give a source without a test part"
            )
        test = _fold(spec, ids, labels, named, links) if spec.method == "kfold" else _group(spec, named, links)
        given = ["test" if out else own for out, own in zip(test.tolist(), given, strict=True)]
        if spec.method == "leave_one_group_out":  # what shows a picture of the test came over from another group
            named = [None if out else name for out, name in zip(test.tolist(), named, strict=True)]
    groups = group_numbers(named, links)
    share = spec.test if spec.method == "random" else 0
    return split.assign(ids, labels, groups, given, val=spec.val, test=share, seed=spec.seed), groups


def _fold(
    spec: Split, ids: Sequence[str], labels: Labels, named: Sequence[str | None], links: dict[int, int]
) -> NDArray[np.bool_]:
    groups = group_numbers(named, links)
    return np.asarray(split.folds(ids, labels, groups, count=spec.folds, seed=spec.seed) == spec.fold)


def _group(spec: Split, named: Sequence[str | None], links: dict[int, int]) -> NDArray[np.bool_]:
    """The items of the group, and those of others that show a picture or object of it."""
    known = sorted({name for name in named if name is not None})
    if spec.group not in known:
        have = settings.choice(str(spec.group), known) if known else " The source has no groups"
        raise ValueError(f"data.split.group: no group {settings.quoted(spec.group)}.{have}")
    objects = group_numbers([None] * len(named), links)
    left_out = objects[[name == spec.group for name in named]]
    return np.isin(objects, left_out)
