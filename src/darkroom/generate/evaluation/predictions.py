"""The judge's predictions on samples: whether they show the class asked for, and which classes never appear."""

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
"""Fractions of what real images reach, see `RULE`."""
RULE = (
    f"collapsed: no sample is classified as a class asked for at least {FEWEST} times; or samples look real (at least half "
    "the precision of real images) but lack variety (less than half the coverage and recall of real images, and less than "
    "a third of one of them)"
)
UNCONDITIONAL = "the model is unconditional"


@dataclass(frozen=True)
class Predictions:
    """The judge's predicted classes, beside what they should be.

    `asked` (M,) are the classes that samples were asked for, None for an unconditional model; `labels_real` (N,) are the
    labels of the test images, -1 if unknown.
    """

    classes: tuple[str, ...]
    samples: Labels  # (M,)
    asked: Labels | None
    real: Labels  # (N,), of the test images
    labels_real: Labels


def class_metrics(predictions: Predictions, *, seed: int) -> dict[str, Any]:
    """Return `accuracy`, `accuracy_real`, `per_class`, `classes_missed` and `total_variation` of metrics.json."""
    labeled = predictions.labels_real >= 0
    labels = predictions.labels_real[labeled]
    real = _Accuracy(predictions.real[labeled], labels, "no test image has a label", derive(seed, "real"))
    if predictions.asked is None:
        nothing = np.full_like(predictions.samples, -1)
        made = _Accuracy(predictions.samples, nothing, UNCONDITIONAL, derive(seed, "made"))
        aimed = labels
    else:
        made = _Accuracy(predictions.samples, predictions.asked, "this class was not asked for", derive(seed, "made"))
        aimed = predictions.asked
    k = len(predictions.classes)
    counts, aims = np.bincount(predictions.samples, minlength=k), np.bincount(aimed, minlength=k)
    per_class = {
        name: {
            "accuracy": made.of(label),
            "accuracy_real": real.of(label),
            "asked": int(aims[label]),
            "judged": int(counts[label]),
        }
        for label, name in enumerate(predictions.classes)
    }
    often = aims / max(1, aims.sum()) * len(predictions.samples) >= FEWEST
    shares = counts / counts.sum(), aims / max(1, aims.sum())
    return {
        "accuracy": made.of(None),
        "accuracy_real": real.of(None),
        "per_class": per_class,
        "classes_missed": [
            name for name, n, expected in zip(predictions.classes, counts, often, strict=True) if expected and not n
        ],
        "total_variation": float(np.abs(shares[0] - shares[1]).sum() / 2) if aims.sum() else None,
    }


def no_class_metrics(reason: str) -> dict[str, Any]:
    """Return the same entries for a judge whose predictions mean nothing."""
    none = {"value": None, "reason": reason}
    return {"accuracy": none, "accuracy_real": none, "per_class": {}, "classes_missed": None, "total_variation": None}


def collapse(measured: dict[str, Any], floor: dict[str, Any], missed: list[str] | None) -> dict[str, Any]:
    """Decide by `RULE` whether samples collapsed, from measures in the judge's features."""
    reasons = [f"no sample is classified as {', '.join(missed)}"] if missed else []
    shares = {name: _share(measured[name], floor[name]) for name in ("precision", "coverage", "recall")}
    few = max(shares["coverage"], shares["recall"]) < HALF and min(shares["coverage"], shares["recall"]) < THIRD
    if few and shares["precision"] >= HALF:
        compared = (f"{name} is {measured[name]:.3f}, that of real images {floor[name]:.3f}" for name in shares)
        reasons.append(", ".join(compared))
    return {"collapsed": bool(reasons), "reasons": reasons, "rule": RULE}


def _share(measured: Any, floor: Any) -> float:
    """Return a measure as a fraction of the floor's; NaN, which fails every comparison, if one is unknown."""
    return measured / floor if isinstance(measured, float) and isinstance(floor, float) and floor else float("nan")


@dataclass(frozen=True)
class _Accuracy:
    """The fraction of items that are classified as they should be, with intervals."""

    predicted: Labels
    expected: Labels
    reason: str
    seed: int

    def of(self, label: int | None) -> Interval:
        """Return the accuracy on one class, or on all items with a class."""
        chosen = self.expected >= 0 if label is None else self.expected == label
        if not chosen.any():
            return {"value": None, "reason": self.reason}
        right = (self.predicted == self.expected)[chosen]
        draws = np.random.default_rng(derive(self.seed, -1 if label is None else label))
        return mean_intervals({"share": right}, resamples=RESAMPLES, generator=draws)["share"]
