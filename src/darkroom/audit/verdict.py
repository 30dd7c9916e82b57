"""Keep, weaken or drop: what the numbers of one transform and class say, and the strength that keeps the label.

A classifier trained without augmentation gives wrong answers for two reasons: the image now shows another class, or it
is unlike anything it has seen. Only the first is a reason against a transform; the second is what augmentation is for.
So labels count as lost only when three things are clear: the loss exceeds the tolerance; the images lie among real ones of
other classes more often than the tolerance, or fewer than half of the clean rate keep their label; and a classifier trained
with the transform does not recognize them either (see `relearn`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from darkroom.audit.config import FEWEST
from darkroom.measure.bootstrap import Interval

POOR = 0.5
"""A classifier that is right less often on the images as they are is no judge of this class."""
WEAKEST = 0.1
"""Share of its own strength below which a transform is dropped rather than weakened."""
STEPS = 100
"""Strengths are tried in hundredths."""
SLACK = 1e-6

Note = Literal["", "unclear", "unfamiliar"]


@dataclass(frozen=True)
class Finding:
    """What the numbers say: whether labels are lost, or nothing can be said and why."""

    outcome: Literal["kept", "lost", "unknown"]
    note: Note = ""
    reason: str = ""


def find(found: Mapping[str, Interval], *, images: int, tolerance: float) -> Finding:
    """Whether labels are lost; `unclear` is a loss above the tolerance whose interval is not, `unfamiliar` a clear loss
    to images that are like no other class."""
    if images < FEWEST:
        return Finding("unknown", reason=f"only {images} training images to judge")
    clean = found["clean"]["value"]
    if clean < POOR:
        return Finding(
            "unknown", reason=f"the classifier is right on only {100 * clean:.0f} % of the images as they are"
        )
    loss, turned, kept = found["loss"], found["turned_more"], found["kept"]
    if loss["low"] <= tolerance:
        return Finding("kept", "unclear" if loss["value"] > tolerance else "")
    if turned["low"] > tolerance or kept["high"] < clean / 2:
        return Finding("lost")
    return Finding("kept", "unfamiliar")


def learnable(found: Mapping[str, Interval], relearned: Interval, *, tolerance: float) -> Finding | None:
    """Return why a loss is no reason against the transform, or None if a classifier that learned it loses labels too."""
    if relearned["value"] is None or relearned["high"] < found["clean"]["value"] - tolerance:
        return None
    share = f"{100 * relearned['value']:.0f} %"
    reason = f"a classifier trained with the transform recognizes {share} of the transformed images"
    return Finding("kept", "unfamiliar", reason)


def weaker(loss: Callable[[float], float], own: float, tolerance: float) -> float | None:
    """The largest strength below `own`, in whole hundredths, at which `loss` is within the tolerance.

    Bisection takes it that more strength loses more labels; whatever it gives was itself measured. None when not even a
    tenth of `own` is within it.
    """
    low, high = max(1, math.ceil(own * WEAKEST * STEPS - SLACK)), math.ceil(own * STEPS - SLACK) - 1
    if low > high or loss(low / STEPS) > tolerance:
        return None
    if loss(high / STEPS) <= tolerance:
        return high / STEPS
    while high - low > 1:
        middle = (low + high) // 2
        if loss(middle / STEPS) <= tolerance:
            low = middle
        else:
            high = middle
    return low / STEPS
