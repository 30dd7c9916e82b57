"""Choose a test split other than a random share: one fold of several, or one group of the source."""

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
    """Return the split of every item and its group number; `links` join rows that show one picture or object.

    Raises ValueError if the method chooses a test split but the source has its own, or has no such group, or
    if `held_out` is set and the source does not hold out exactly one part.
    """
    ids, given = [item.id for item in items], [item.split for item in items]
    named, pinned = [item.group for item in items], np.array([item.pinned for item in items], dtype=bool)
    if spec.held_out is not None:
        given = _renamed(given, spec.held_out)
    if spec.regroup:
        given = split.regroup(ids, labels, group_numbers(named, links), given, seed=spec.seed)
    if spec.method != "random":
        if "test" in given:
            raise ValueError(
                f"data.split.method: {spec.method} chooses the test split, but the source has its own, which is kept; use "
                "method: random, or a source without a test split"
            )
        test = _fold(spec, ids, labels, named, links) if spec.method == "kfold" else _group(spec, named, links)
        test &= ~pinned
        given = ["test" if out else own for out, own in zip(test.tolist(), given, strict=True)]
        if spec.method == "leave_one_group_out":  # images of a test object came over from other groups
            named = [None if out else name for out, name in zip(test.tolist(), named, strict=True)]
    groups = group_numbers(named, links)
    share = spec.test if spec.method == "random" else 0
    parts = split.assign(ids, labels, groups, given, val=spec.val, test=share, seed=spec.seed, pinned=pinned)
    return parts, groups


def _renamed(given: Sequence[str | None], name: str) -> list[str | None]:
    """Return the given splits with the one that is not for training under another name. Raises ValueError unless it is one."""
    found = sorted({part for part in given if part is not None} - {"train"})
    if len(found) != 1:
        there = "holds out both val and test" if found else "holds out no images"
        raise ValueError(f"data.split.held_out: {name}: the source's own split {there}; leave held_out out")
    return [name if part == found[0] else part for part in given]


def _fold(
    spec: Split, ids: Sequence[str], labels: Labels, named: Sequence[str | None], links: dict[int, int]
) -> NDArray[np.bool_]:
    groups = group_numbers(named, links)
    return np.asarray(split.folds(ids, labels, groups, count=spec.folds, seed=spec.seed) == spec.fold)


def _group(spec: Split, named: Sequence[str | None], links: dict[int, int]) -> NDArray[np.bool_]:
    """Return the items of the group, and those of other groups that show a picture or object of it."""
    known = sorted({name for name in named if name is not None})
    if spec.group not in known:
        have = settings.choice(str(spec.group), known) if known else " The source has no groups"
        raise ValueError(f"data.split.group: no group {settings.quoted(spec.group)}.{have}")
    objects = group_numbers([None] * len(named), links)
    left_out = objects[[name == spec.group for name in named]]
    return np.isin(objects, left_out)
