"""Divide items into train, validation and test: stratified, groups kept whole, given splits kept.

Items are stratified by class, or by several strata at once; see `stratification`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom import randomness
from darkroom.data.store import SPLITS
from darkroom.data.stratification import divide

Labels = NDArray[np.int64]
"""The class of each item (N,), or the 0 and 1 of its strata (N, C)."""


def assign(
    ids: Sequence[str],
    labels: Labels,
    groups: Labels,
    given: Sequence[str | None],
    *,
    val: float,
    test: float,
    seed: int,
    pinned: NDArray[np.bool_] | None = None,
) -> list[str]:
    """Return the split of every item.

    Items with a given split keep it. The others are divided by the shares `val` and `test`, class by class. If every item
    has a split but none is in val (or test), that split is drawn from the train items, by the same share of them; `pinned`
    items stay, with their group. No draw splits a group: an item without a split follows the group it belongs to.

    In a class with few groups, one goes to train first, then one to test, then one to val. Groups are ordered by a hash of
    the seed and their first id, so that adding or removing an image moves few others.
    """
    parts: list[str] = [split or "" for split in given]
    wanted = {name: share for name, share in (("test", test), ("val", val)) if share and name not in parts}
    free = np.array([not split for split in given])
    if not free.any() and wanted:
        free = np.array([split == "train" for split in given]) & (True if pinned is None else ~pinned)
    taken = _following(groups, given, free)
    for row in np.flatnonzero(free).tolist():
        parts[row] = taken.get(int(groups[row]), "") if not given[row] else "train"
    pool = np.array([row for row in np.flatnonzero(free).tolist() if int(groups[row]) not in taken], dtype=np.int64)
    rows = [ids[row] for row in pool], labels[pool], groups[pool]
    if labels.ndim == 2:
        drawn = _draw_strata(*rows, wanted, seed)
    else:
        size = dict(
            Counter(labels[free].tolist())
        )  # of everything that is divided, including items that follow a group
        drawn = _draw(*rows, wanted, seed, size)
    for row, name in zip(pool, drawn, strict=True):
        parts[row] = name
    return parts


def folds(ids: Sequence[str], labels: Labels, groups: Labels, *, count: int, seed: int) -> Labels:
    """Return the fold of every item, 0 to count - 1: stratified, groups whole.

    Class by class, the rarest first, each group goes to the fold with the fewest items of the class, then the fewest
    overall; large groups first, then by a hash of the seed and the group's first id. The order of the items does not
    matter.
    """
    members = _members(groups)
    order = sorted(_order(members, ids, seed, "fold"), key=lambda group: -len(members[group]))
    if labels.ndim == 2:
        parts = divide([members[group] for group in order], labels, [1 / count] * count)
        of_group = dict(zip(order, parts, strict=True))
        return np.array([of_group[group] for group in groups.tolist()], dtype=np.int64)
    held = {group: Counter(labels[rows].tolist()) for group, rows in members.items()}
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


def regroup(
    ids: Sequence[str], labels: Labels, groups: Labels, given: Sequence[str | None], *, seed: int
) -> list[str | None]:
    """Return the given splits with every group moved whole to one of them; groups in one split stay where they are.

    Large groups first, then by a hash of the seed and the group's first id, each goes to the split that lacks the most
    items of its classes, so that the splits keep their sizes. No class enters a split that had no image of it, unless its
    group leaves no choice: then the group goes to the last of its own splits (test after val after train).
    """
    classes = _classes(labels)
    rows_of: dict[int, list[int]] = {}
    allowed: dict[int, set[str]] = {}
    for row, (group, split) in enumerate(zip(groups.tolist(), given, strict=True)):
        if split is not None:
            rows_of.setdefault(group, []).append(row)
            for label in classes[row]:
                allowed.setdefault(label, set()).add(split)
    members = {group: rows for group, rows in rows_of.items() if len({given[row] for row in rows}) > 1}
    lacking = {split: Counter[int]() for split in SPLITS}
    for rows in members.values():
        for row in rows:
            lacking[str(given[row])].update(classes[row])
    moved = list(given)
    for group in sorted(_order(members, ids, seed, "regroup"), key=lambda group: -len(members[group])):
        rows = members[group]
        held = Counter(label for row in rows for label in classes[row])
        open_to = [split for split in SPLITS if all(split in allowed[label] for label in held)]
        last = max((str(given[row]) for row in rows), key=SPLITS.index)
        chosen = max(open_to or [last], key=lambda split: sum(lacking[split][label] for label in held))
        lacking[chosen].subtract(held)
        for row in rows:
            moved[row] = chosen
    return moved


def _classes(labels: Labels) -> list[list[int]]:
    """Return the class of each item, or all its strata."""
    return [np.flatnonzero(row).tolist() for row in labels] if labels.ndim == 2 else labels[:, None].tolist()


def torn(groups: Labels, parts: Sequence[str]) -> int:
    """Return the number of groups in more than one split."""
    found: dict[int, set[str]] = {}
    for group, part in zip(groups.tolist(), parts, strict=True):
        found.setdefault(group, set()).add(part)
    return sum(len(splits) > 1 for splits in found.values())


def _following(groups: Labels, given: Sequence[str | None], free: NDArray[np.bool_]) -> dict[int, str]:
    """Return the split of each group whose items keep theirs; train if these disagree."""
    taken: dict[int, str] = {}
    for row in np.flatnonzero(~free).tolist():
        group, split = int(groups[row]), given[row]
        assert split is not None
        taken[group] = split if taken.get(group, split) == split else SPLITS[0]
    return taken


def _draw(
    ids: Sequence[str], labels: Labels, groups: Labels, wanted: dict[str, float], seed: int, size: dict[int, int]
) -> list[str]:
    """Divide items by the wanted shares of each class's size, in whole groups, the rarest class first."""
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


def _draw_strata(ids: Sequence[str], found: Labels, groups: Labels, wanted: dict[str, float], seed: int) -> list[str]:
    """Divide items by the wanted shares of each stratum, in whole groups, large ones first."""
    members = _members(groups)
    order = sorted(_order(members, ids, seed, "split"), key=lambda group: -len(members[group]))
    names = ("train", *wanted)
    shares = [1 - sum(wanted.values()), *wanted.values()]
    parts = divide([members[group] for group in order], found, shares, complete=True)
    placed = {group: names[part] for group, part in zip(order, parts, strict=True)}
    return [placed[group] for group in groups.tolist()]


def _members(groups: Labels) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    return members


def _order(members: dict[int, list[int]], ids: Sequence[str], seed: int, draw: str) -> list[int]:
    """Return the groups in an order that depends on their ids only."""
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
    """Place every group with this class that has no split yet: test and val get what they need, train the rest."""
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
