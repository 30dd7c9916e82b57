"""What the judge answers on samples: whether they show the class asked for, which classes come, and which never do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Interval, mean_intervals
from darkroom.randomness import derive

Labels = NDArray[np.int64]

RESAMPLES = 1000
FEWEST = 5
"""A class asked for less often may be missed by chance."""
HALF, THIRD = 1 / 2, 1 / 3
"""Shares of what real images reach: samples that look real have half their precision; few kinds of images have less than
half of both coverage and recall, and less than a third of one of them."""
RULE = (
    f"collapsed: no sample is taken for a class asked for at least {FEWEST} times; or the samples look real (at least half "
    "the precision of real images) but are of few kinds (less than half the coverage and recall of real images, and less "
    "than a third of one of them)"
)


@dataclass(frozen=True)
class Answers:
    """The judge's answers, as class numbers. `asked` (M,) is what the model was asked for, None where it knows no classes;
    `wanted` (N,) are the labels of the test images, -1 where there is none."""

    classes: tuple[str, ...]
    judged: Labels  # (M,), of the samples
    asked: Labels | None
    judged_real: Labels  # (N,), of the test images
    wanted: Labels


def answered(answers: Answers, *, seed: int) -> dict[str, Any]:
    """`accuracy`, `accuracy_real`, `per_class`, `classes_missed` and `total_variation`, as metrics.json has them."""
    labelled = answers.wanted >= 0
    wanted = answers.wanted[labelled]
    real = _Share(answers.judged_real[labelled], wanted, "no test image has a label", derive(seed, "real"))
    if answers.asked is None:
        made = _Share(answers.judged, np.full_like(answers.judged, -1), UNCONDITIONAL, derive(seed, "made"))
        aimed = wanted
    else:
        made = _Share(answers.judged, answers.asked, "this class was not asked for", derive(seed, "made"))
        aimed = answers.asked
    k = len(answers.classes)
    counts, aims = np.bincount(answers.judged, minlength=k), np.bincount(aimed, minlength=k)
    per_class = {
        name: {
            "accuracy": made.of(label),
            "accuracy_real": real.of(label),
            "asked": int(aims[label]),
            "judged": int(counts[label]),
        }
        for label, name in enumerate(answers.classes)
    }
    often = aims / max(1, aims.sum()) * len(answers.judged) >= FEWEST
    shares = counts / counts.sum(), aims / max(1, aims.sum())
    return {
        "accuracy": made.of(None),
        "accuracy_real": real.of(None),
        "per_class": per_class,
        "classes_missed": [
            name for name, n, hoped in zip(answers.classes, counts, often, strict=True) if hoped and not n
        ],
        "total_variation": float(np.abs(shares[0] - shares[1]).sum() / 2) if aims.sum() else None,
    }


UNCONDITIONAL = "the model takes no notice of classes"


def unanswered(reason: str) -> dict[str, Any]:
    """The same where the judge's answers mean nothing."""
    none = {"value": None, "reason": reason}
    return {"accuracy": none, "accuracy_real": none, "per_class": {}, "classes_missed": None, "total_variation": None}


def collapse(measured: dict[str, Any], floor: dict[str, Any], missed: list[str] | None) -> dict[str, Any]:
    """Whether the samples are of few kinds only, in the judge's features; see `RULE`."""
    reasons = [f"no sample is taken for {', '.join(missed)}"] if missed else []
    shares = {name: _share(measured[name], floor[name]) for name in ("precision", "coverage", "recall")}
    few = max(shares["coverage"], shares["recall"]) < HALF and min(shares["coverage"], shares["recall"]) < THIRD
    if few and shares["precision"] >= HALF:
        told = (f"{name} is {measured[name]:.3f} where real images reach {floor[name]:.3f}" for name in shares)
        reasons.append(", ".join(told))
    return {"collapsed": bool(reasons), "reasons": reasons, "rule": RULE}


def _share(measured: Any, floor: Any) -> float:
    """A measure as a share of the floor's; NaN, which is neither below nor above anything, where one is not known."""
    return measured / floor if isinstance(measured, float) and isinstance(floor, float) and floor else float("nan")


@dataclass(frozen=True)
class _Share:
    """The share of items that are judged to be what they should be, with intervals."""

    judged: Labels
    wanted: Labels
    reason: str
    seed: int

    def of(self, label: int | None) -> Interval:
        """Of one class, or of all items with a class."""
        chosen = self.wanted >= 0 if label is None else self.wanted == label
        if not chosen.any():
            return {"value": None, "reason": self.reason}
        right = (self.judged == self.wanted)[chosen]
        draws = np.random.default_rng(derive(self.seed, -1 if label is None else label))
        return mean_intervals({"share": right}, resamples=RESAMPLES, generator=draws)["share"]
