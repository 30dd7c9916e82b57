"""Train, validation and test: the same share of every class in each, groups kept whole, splits that are given kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom import randomness
from darkroom.data.store import SPLITS

Labels = NDArray[np.int64]


def assign(
    ids: Sequence[str],
    labels: Labels,
    groups: Labels,
    given: Sequence[str | None],
    *,
    val: float,
    test: float,
    seed: int,
) -> list[str]:
    """The split of every item.

    Items with a given split keep it. Those without are divided by the shares `val` and `test`, class by class. When all
    have one but none was given to val (or test), that part is drawn from the train items, by the same share of them.
    No draw tears a group apart: an item without a split follows the group it belongs to.

    Of a class with few groups, one goes to train first, then one to test, then one to val. The draw orders groups by a
    hash of the seed and their first id, so that an image added or taken away moves few others.
    """
    parts: list[str] = [split or "" for split in given]
    wanted = {name: share for name, share in (("test", test), ("val", val)) if share and name not in parts}
    free = np.array([not split for split in given])
    if not free.any() and wanted:
        free = np.array([split == "train" for split in given])
    taken = _following(groups, given, free)
    for row in np.flatnonzero(free).tolist():
        parts[row] = taken.get(int(groups[row]), "") if not given[row] else "train"
    pool = np.array([row for row in np.flatnonzero(free).tolist() if int(groups[row]) not in taken], dtype=np.int64)
    size = dict(Counter(labels[free].tolist()))  # of all that are divided, those that follow a group too
    drawn = _draw([ids[row] for row in pool], labels[pool], groups[pool], wanted, seed, size)
    for row, name in zip(pool, drawn, strict=True):
        parts[row] = name
    return parts


def folds(ids: Sequence[str], labels: Labels, groups: Labels, *, count: int, seed: int) -> Labels:
    """The fold of every item, 0 to count - 1: the same share of every class in each, groups whole.

    Class by class, the rarest first, each group goes to the fold that has the fewest of the class, then the fewest of
    all; large groups first, then by a hash of the seed and the group's first id. The order of the items does not matter.
    """
    members = _members(groups)
    held = {group: Counter(labels[rows].tolist()) for group, rows in members.items()}
    order = sorted(_order(members, ids, seed, "fold"), key=lambda group: -len(members[group]))
    having: dict[int, list[int]] = {}
    for group in order:
        for label in held[group]:
            having.setdefault(label, []).append(group)
    placed: dict[int, int] = {}
    of_class = [Counter[int]() for _ in range(count)]
    for label, _ in sorted(Counter(labels.tolist()).items(), key=lambda item: (item[1], item[0])):
        for group in having[label]:
            if group not in placed:
                fold = min(range(count), key=lambda fold: (of_class[fold][label], of_class[fold].total(), fold))
                placed[group] = fold
                of_class[fold] += held[group]
    return np.array([placed[group] for group in groups.tolist()], dtype=np.int64)


def torn(groups: Labels, parts: Sequence[str]) -> int:
    """How many groups stand in more than one split."""
    found: dict[int, set[str]] = {}
    for group, part in zip(groups.tolist(), parts, strict=True):
        found.setdefault(group, set()).add(part)
    return sum(len(splits) > 1 for splits in found.values())


def _following(groups: Labels, given: Sequence[str | None], free: NDArray[np.bool_]) -> dict[int, str]:
    """The split that a group has already, by items that keep theirs; train where these disagree."""
    taken: dict[int, str] = {}
    for row in np.flatnonzero(~free).tolist():
        group, split = int(groups[row]), given[row]
        assert split is not None
        taken[group] = split if taken.get(group, split) == split else SPLITS[0]
    return taken


def _draw(
    ids: Sequence[str], labels: Labels, groups: Labels, wanted: dict[str, float], seed: int, size: dict[int, int]
) -> list[str]:
    """Divide items by the wanted shares of each class's size; whole groups, class by class, the rarest first."""
    members = _members(groups)
    order = _order(members, ids, seed, "split")
    of_class: dict[int, list[int]] = {}
    for group in order:
        for label in sorted({int(labels[row]) for row in members[group]}):
            of_class.setdefault(label, []).append(group)
    placed: dict[int, str] = {}
    for label in sorted(of_class, key=lambda label: (size[label], label)):
        _place(label, of_class[label], members, labels, wanted, size[label], placed)
    return [placed[group] for group in groups.tolist()]


def _members(groups: Labels) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    return members


def _order(members: dict[int, list[int]], ids: Sequence[str], seed: int, draw: str) -> list[int]:
    """The groups in an order that depends on their ids alone."""
    first = {group: min(ids[row] for row in rows) for group, rows in members.items()}
    return sorted(members, key=lambda group: randomness.derive(seed, draw, first[group]))


def _place(
    label: int,
    candidates: Sequence[int],
    members: dict[int, list[int]],
    labels: Labels,
    wanted: dict[str, float],
    total: int,
    placed: dict[int, str],
) -> None:
    """Give every group with this class that has no split yet one: what test and val need of it, the rest to train."""
    weight = {group: sum(int(labels[row]) == label for row in members[group]) for group in candidates}
    left = [group for group in candidates if group not in placed]
    in_train = any(placed.get(group) == "train" for group in candidates)
    for name, share in wanted.items():
        have = sum(weight[group] for group in candidates if placed.get(group) == name)
        need = max(round(total * share), 1)
        spare = len(left) - (0 if in_train else 1)
        chosen: set[int] = set()
        for group in left:
            if len(chosen) < spare and have + weight[group] <= need:
                chosen.add(group)
                have += weight[group]
        if not have and spare > 0:
            chosen.add(min(left, key=lambda group: weight[group]))
        placed.update(dict.fromkeys(chosen, name))
        left = [group for group in left if group not in chosen]
    placed.update(dict.fromkeys(left, "train"))
