"""Metrics of several labels per image, vectorized over bootstrap resamples.

Functions take weights (R, N), one row per resample, and return values (R,) by name, with a suffix `/k` for label k. Items are
probabilities (N, K) and truth (N, K).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.calibration import confidence_bins
from darkroom.classify.metrics import mean_of_known, quotient
from darkroom.measure.proportion import (
    Interval,
    f1_interval,
    perfect_auroc,
    perfect_macro_auroc,
    precision_interval,
    wilson,
)
from darkroom.measure.ranking import area, curve, mean_precision

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NO_POSITIVE = "no test image has this label"
ONE_KIND = "all test images have this label, or none has it"
RANKED = ("map", "macro_auroc")
COUNTED = ("micro_f1", "macro_f1", "image_f1", "micro_precision", "micro_recall", "macro_precision", "macro_recall")
PROBABLE = ("nll", "brier", "ece")
BINS = 15


def ranking(weights: Floats, probabilities: Floats, truth: Flags) -> dict[str, Floats]:
    """Return average precision and AUROC of each label, and their means over the labels that some images have and some lack.

    `map` is the mean average precision, without interpolation.
    """
    found: dict[str, Floats] = {}
    for k in range(truth.shape[1]):
        ranked = curve(truth[:, k], probabilities[:, k], weights)
        found |= {f"average_precision/{k}": mean_precision(ranked), f"auroc/{k}": area(ranked)}
    parts = {"map": "average_precision", "macro_auroc": "auroc"}
    return found | {
        name: mean_of_known([found[f"{part}/{k}"] for k in range(truth.shape[1])]) for name, part in parts.items()
    }


def perfect_ranking(found: Mapping[str, Interval], truth: Flags) -> dict[str, Interval]:
    """Return intervals for those AUROCs of `ranking` that are 0 or 1, where a bootstrap interval has no width."""
    items, positive = len(truth), truth.sum(0).tolist()
    values = [found[f"auroc/{k}"]["value"] for k in range(len(positive))]
    perfect = {
        f"auroc/{k}": perfect_auroc(value, count, items - count)
        for k, (value, count) in enumerate(zip(values, positive, strict=True))
        if value in (0, 1)
    }
    macro = found["macro_auroc"]["value"]
    return perfect | ({"macro_auroc": perfect_macro_auroc(macro, positive, items)} if macro in (0, 1) else {})


def decisions(weights: Floats, called: Flags, truth: Flags) -> dict[str, Floats]:
    """Return precision, recall and F1 of the labels called present (N, K), micro- and macro-averaged, and F1 per image.

    The macro means skip labels without a positive item; the precision of a label never called is 0. `image_f1` is the mean
    over images of each image's own F1, 1 for an image without labels and none called.
    """
    hits, calls, items = (weights @ flags for flags in (called & truth, called, truth))  # each (R, K)
    parts = {
        "precision": quotient(hits, calls),
        "recall": quotient(hits, items),
        "f1": quotient(2 * hits, calls + items),
    }
    found = {}
    for name, value in parts.items():
        found[f"macro_{name}"] = mean_of_known(list(np.where(items > 0, value, np.nan).T))
    total = [counts.sum(1) for counts in (hits, calls, items)]
    found["micro_precision"], found["micro_recall"] = quotient(total[0], total[1]), quotient(total[0], total[2])
    found["micro_f1"] = quotient(2 * total[0], total[1] + total[2])
    found["image_f1"] = weights @ image_f1(called, truth) / weights.sum(1)
    return found


def likelihood(weights: Floats, probabilities: Floats, truth: Flags) -> dict[str, Floats]:
    """Return negative log-likelihood in nats and Brier score, summed over labels, and the expected calibration error.

    `ece/k` has 15 equal bins of the label's probability; `ece` is the mean over labels.
    """
    total = weights.sum(1)
    chances = np.where(truth, probabilities, 1 - probabilities)
    found = {
        "nll": weights @ -np.log(np.maximum(chances, 1e-12)).sum(1) / total,
        "brier": weights @ np.square(1 - chances).sum(1) / total,
    }
    for k in range(truth.shape[1]):
        bins = np.eye(BINS)[confidence_bins(probabilities[:, k], bins=BINS)]  # (N, 15)
        gaps = bins * (truth[:, k] - probabilities[:, k])[:, None]
        found[f"ece/{k}"] = np.abs(weights @ gaps).sum(1) / total
    return found | {"ece": mean_of_known([found[f"ece/{k}"] for k in range(truth.shape[1])])}


def image_f1(called: Flags, truth: Flags) -> Floats:
    """Return the F1 (N,) of each image's labels (N, K)."""
    size = called.sum(1) + truth.sum(1)
    return np.where(size > 0, 2 * (called & truth).sum(1) / np.maximum(size, 1), 1.0)


def shares(called: Flags, truth: Flags) -> dict[str, Interval]:
    """Return precision, recall and F1 of each label with intervals that have a width at 0 and 1, and the share of images
    whose labels are all right."""
    exact = (called == truth).all(1)
    found = {"exact_match": wilson(int(exact.sum()), len(exact), reason="")}
    for k, (calls, items) in enumerate(zip(called.T, truth.T, strict=True)):
        hits, called_as, true = int((calls & items).sum()), int(calls.sum()), int(items.sum())
        empty = {"value": None, "reason": NO_POSITIVE}
        found[f"precision/{k}"] = precision_interval(hits, called_as) if true else empty
        found[f"recall/{k}"] = wilson(hits, true, reason=NO_POSITIVE)
        found[f"f1/{k}"] = f1_interval(hits, called_as, true, reason=NO_POSITIVE) if true else empty
    return found
