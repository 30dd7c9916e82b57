"""Keep, weaken or drop: the verdict on one transform and class, and the largest strength that preserves the label.

A model trained without augmentation errs on transformed images for two reasons: the image now shows another class, or it is
unlike anything in training. Labels and numbers are judged by the same rules, see `aspects`. Only the first reason speaks against
a transform; the second is what augmentation is for. So labels count as lost only if all three hold, each by its interval: the
accuracy loss exceeds the tolerance; images look like real ones with other answers more often than the tolerance, or fewer than
half of the originals with a right answer keep it; and a model trained with the transform does not get them right either (see
`relearn`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from darkroom.audit.config import FEWEST
from darkroom.measure.bootstrap import Interval

POOR = 0.5
"""Minimum accuracy on the original images of a class, or R² of a number, for a model to judge it."""
WEAKEST = 0.1
"""Fraction of its own strength below which a transform is dropped rather than weakened."""
STEPS = 100
"""Resolution of the strengths tried: hundredths."""
SLACK = 1e-6

Note = Literal["", "unclear", "unfamiliar"]


@dataclass(frozen=True)
class Finding:
    """Whether labels are kept, lost or unknown, and the reason."""

    outcome: Literal["kept", "lost", "unknown"]
    note: Note = ""
    reason: str = ""


def find(found: Mapping[str, Interval], *, images: int, tolerance: float) -> Finding:
    """Return whether labels are lost.

    The note is `unclear` if the loss exceeds the tolerance but the lower bound of its interval does not, and `unfamiliar`
    if it clearly does, but the images resemble no other class.
    """
    if images < FEWEST:
        return Finding("unknown", reason=f"only {images} training images to judge")
    clean, skill = found["clean"]["value"], found["skill"]["value"]
    if skill is None or skill < POOR:
        return Finding("unknown", reason=_unskilled(skill, number="shift" in found))
    loss, turned, kept = found["loss"], found["turned_more"], found["kept"]
    if loss["low"] <= tolerance:
        return Finding("kept", "unclear" if loss["value"] > tolerance else "")
    if turned["low"] > tolerance or kept["high"] < clean / 2:
        return Finding("lost")
    return Finding("kept", "unfamiliar")


def learnable(found: Mapping[str, Interval], relearned: Interval, *, tolerance: float) -> Finding | None:
    """Return why a loss does not speak against the transform, or None if a classifier trained with it loses labels too."""
    if relearned["value"] is None or relearned["high"] < found["clean"]["value"] - tolerance:
        return None
    share = f"{100 * relearned['value']:.0f} %"
    done = "is right as usual about" if "shift" in found else "recognizes"
    reason = f"a classifier trained with the transform {done} {share} of the transformed images"
    return Finding("kept", "unfamiliar", reason)


def _unskilled(skill: float | None, *, number: bool) -> str:
    if not number:
        return f"the classifier recognizes only {100 * (skill or 0):.0f} % of the original images"
    return f"the model explains only {100 * max(skill or 0, 0):.0f} % of the variance of the original images"


def weaker(loss: Callable[[float], float], own: float, tolerance: float) -> float | None:
    """Return the largest strength below `own`, in hundredths, at which `loss` is within the tolerance.

    Bisection assumes that loss grows with strength, but the strength it returns was itself measured. Returns None if even
    a tenth of `own` exceeds the tolerance.
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
