"""What a teaching changes: which images were right before and after, and whether any that were right got worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.detect.teaching.verdicts import FALSE_ALARM, MISS, RIGHT

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
NORMAL, ANOMALOUS = "normal validation images", "anomalous validation images"
CONFIRMED = {False: "confirmed as normal", True: "confirmed as anomalous"}
"""Images with the verdict `right`, by whether they were flagged."""
FALSE_ALARMS, MISSES = "false alarms", "misses"
GUARDED = (NORMAL, ANOMALOUS, *CONFIRMED.values())
"""Groups of which no image may get worse; the others were wrong and are what the teaching is about."""


@dataclass(frozen=True, eq=False)
class Group:
    """Images of which it is known whether they are anomalous, with their scores before and after."""

    anomalous: bool
    before: Floats
    after: Floats


@dataclass(frozen=True)
class Change:
    """How many images of a group are right before and after, and how many turned."""

    images: int
    right_before: int
    right_after: int
    broken: int
    fixed: int


def groups(
    verdicts: tuple[str, ...], flagged: Flags, before: Floats, after: Floats, validation: Mapping[str, Group]
) -> dict[str, Group]:
    """Return the images by group: those of the validation split, and those with verdicts, of which `flagged` were flagged
    before. Empty groups are left out."""
    said = np.array(verdicts)
    rows = {
        FALSE_ALARMS: (said == FALSE_ALARM, False),
        MISSES: (said == MISS, True),
        **{CONFIRMED[kind]: ((said == RIGHT) & (flagged == kind), kind) for kind in (False, True)},
    }
    own = {name: Group(kind, before[mask], after[mask]) for name, (mask, kind) in rows.items()}
    return {name: group for name, group in {**validation, **own}.items() if len(group.before)}


def changes(found: Mapping[str, Group], before: float, after: float) -> dict[str, Change]:
    """Compare each group at the threshold before with the one after."""
    return {name: _change(group, before, after) for name, group in found.items()}


def worse(found: Mapping[str, Change], tolerance: float, among: Sequence[str] = GUARDED) -> str:
    """Say which group got worse: more than a share `tolerance` of its images that were right are now wrong; empty if none."""
    for name in among:
        change = found.get(name)
        if change is not None and change.broken > tolerance * change.right_before:
            return f"of the {change.right_before} {name} that were right, {change.broken} would become wrong"
    return ""


def lowered(found: Mapping[str, Group], before: float, after: float, tolerance: float) -> float:
    """Lower the threshold after a teaching to find misses and anomalies that were found before, the highest first.

    It stays above normal images that were right, but for the tolerance, and lies halfway between the score of an anomaly and the
    next lower score of any image.
    """
    wanted = [
        group.after[(group.before > before) | (name == MISSES)] for name, group in found.items() if group.anomalous
    ]
    known = np.concatenate([group.after for group in found.values()])
    for score in np.sort(np.concatenate([each[each <= after] for each in wanted] or [known[:0]]))[::-1]:
        below = known[known < score]
        candidate = float((score + below.max()) / 2 if len(below) else np.nextafter(score, -np.inf))
        if worse(changes(found, before, candidate), tolerance, (NORMAL, CONFIRMED[False])):
            break
        after = candidate
    return after


def table(found: Mapping[str, Change]) -> dict[str, dict[str, Any]]:
    """Return the changes as they are saved."""
    return {name: asdict(change) for name, change in found.items()}


def lines(found: Mapping[str, Change]) -> list[str]:
    """Return the changes as a table for the terminal."""
    width = max(map(len, found))
    head = f"{'':{width}}  images  right before  right after  broken  fixed"
    return [head] + [
        f"{name:{width}}  {one.images:6}  {one.right_before:12}  {one.right_after:11}  {one.broken:6}  {one.fixed:5}"
        for name, one in found.items()
    ]


def _change(group: Group, before: float, after: float) -> Change:
    first, second = (
        (scores > limit) == group.anomalous for scores, limit in ((group.before, before), (group.after, after))
    )
    return Change(
        len(first), int(first.sum()), int(second.sum()), int((first & ~second).sum()), int((~first & second).sum())
    )
