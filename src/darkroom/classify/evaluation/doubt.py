"""What to do when one class is uncertain: prediction sets with 90 % coverage, and answers from a confidence on.

Limits are set on the validation images, (N_val, K) probabilities with their classes, and measured on the test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from darkroom.measure import conformal, selective
from darkroom.measure.bootstrap import intervals, mean_intervals, without_flat
from darkroom.measure.proportion import wilson

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
RISKS = (0.01, 0.05)
"""Shares of errors for which a confidence is looked for."""
POINTS = 100
"""Most points of a risk-coverage curve in metrics.json."""
NO_ITEM = "the test split has no image of this class"
NONE_ANSWERED = "no test image has this confidence"


class Resampling(TypedDict):
    """How to bootstrap an interval."""

    resamples: int
    generator: np.random.Generator


def sets(
    held_out: Floats,
    true: Labels,
    probabilities: Floats,
    labels: Labels,
    classes: Sequence[str],
    **how: Unpack[Resampling],
) -> dict[str, Any]:
    """Return the coverage and mean size of conformal prediction sets, and their coverage by class.

    Takes uncalibrated probabilities: a temperature fitted on the same validation images would tie the two together.
    `expected` is the range that holds the coverage over all new images for 95 % of draws of the validation images.
    """
    about: dict[str, Any] = {"level": 1 - conformal.MISS, "validation_images": len(true)}
    if (missing := conformal.too_few(len(true))) is not None:
        return about | {"coverage": missing, "size": missing}
    allowed = conformal.limit(conformal.class_scores(held_out)[np.arange(len(true)), true])
    inside = conformal.class_sets(probabilities, allowed)
    covered, sizes = inside[np.arange(len(labels)), labels], inside.sum(1)
    low, high = conformal.expected_coverage(len(true))
    size = without_flat(mean_intervals({"size": sizes}, **how))["size"]
    return about | {
        "coverage": wilson(int(covered.sum()), len(labels), reason=""),
        "expected": {"low": low, "high": high},
        "size": size,
        "least_probability": 1 - allowed,
        "sizes": np.bincount(sizes, minlength=len(classes) + 1)[1:].tolist(),
        "per_class": {
            name: wilson(int(covered[labels == k].sum()), int((labels == k).sum()), reason=NO_ITEM)
            for k, name in enumerate(classes)
        },
    }


def selection(
    held_out: Floats,
    true: Labels,
    probabilities: Floats,
    labels: Labels,
    **how: Unpack[Resampling],
) -> dict[str, Any]:
    """Return the risk-coverage curve with its area, and the confidences from which on errors stay below each of `RISKS`."""
    confidence, wrong = probabilities.max(1), probabilities.argmax(1) != labels

    def area(weights: Floats) -> dict[str, Floats]:
        return {"aurc": selective.aurc(confidence, wrong, weights)}

    coverage, risk = selective.risk_curve(confidence, wrong)
    kept = np.unique(np.linspace(0, len(coverage) - 1, POINTS).round().astype(int))
    found = without_flat(intervals(area, len(labels), **how))
    return {
        **found,
        "curve": {"coverage": coverage[kept].tolist(), "risk": risk[kept].tolist()},
        "thresholds": {f"{limit:g}": _threshold(limit, held_out, true, confidence, wrong) for limit in RISKS},
    }


def _threshold(
    risk: float, held_out: Floats, true: Labels, confidence: Floats, wrong: NDArray[np.bool_]
) -> dict[str, Any]:
    """Choose a confidence on the validation images; measure how many test images reach it, and how many of them are wrong."""
    errors = held_out.argmax(1) != true
    chosen = selective.least_confidence(held_out.max(1), errors, risk) if len(true) else None
    if chosen is None:
        least = selective.least_items(risk)
        reason = f"it takes {least} validation images; there are {len(true)}"
        if len(true) >= least:
            reason = "too many errors among the most confident validation images"
        missing = {"value": None, "reason": reason}
        return {"confidence": missing, "coverage": missing, "errors": missing}
    answered = confidence >= chosen
    return {
        "confidence": {"value": chosen},
        "coverage": wilson(int(answered.sum()), len(answered), reason=""),
        "errors": wilson(int((answered & wrong).sum()), int(answered.sum()), reason=NONE_ANSWERED),
    }
