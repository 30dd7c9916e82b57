"""Classification metrics, vectorized over bootstrap resamples.

Functions take weights (R, N), one row per resample, and return values (R,). Items are probabilities (N, K) and labels (N,).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.calibration import confidence_bins
from darkroom.measure.proportion import Interval, f1_interval, mean_of_shares, precision_interval, wilson
from darkroom.measure.ranking import auroc

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
SCORES = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "macro_auroc",
    "nll",
    "brier",
    "ece",
)


def scores(weights: Floats, probabilities: Floats, labels: Labels) -> dict[str, Floats]:
    """Return every metric of `SCORES`, and `precision/k`, `recall/k`, `f1/k` of each class k.

    Values of a class without items are NaN, and macro means skip it; the precision of a class never predicted is 0.
    `ece` is the expected calibration error in 15 equal bins of confidence (Naeini et al. 2015), `brier` sums over classes
    (Brier 1950), `nll` is in nats.
    """
    classes = probabilities.shape[1]
    total = weights.sum(1)
    rows = np.arange(len(labels))
    # probabilities may underflow to 0; keep the loss finite
    nll = -np.log(np.maximum(probabilities[rows, labels], 1e-12))
    truth = np.eye(classes)[labels]
    brier = ((probabilities - truth) ** 2).sum(1)
    found = {"accuracy": weights @ (probabilities.argmax(1) == labels) / total}
    found |= _by_class(weights, probabilities.argmax(1), labels, classes)
    found["macro_auroc"] = _macro_auroc(weights, probabilities, labels)
    found |= {"nll": weights @ nll / total, "brier": weights @ brier / total}
    found["ece"] = _ece(weights, probabilities, labels)
    return found


def share_intervals(counts: NDArray[np.int64]) -> dict[str, Interval]:
    """Return the intervals of accuracy, precision, recall, F1 and their macro means from a confusion matrix (K, K).

    Keys are as in `scores`. Accuracy, precision and recall have Wilson intervals, F1 that of `f1_interval`; macro means over
    classes with items combine the intervals of their parts.
    """
    hits, called, true = np.diag(counts), counts.sum(0), counts.sum(1)
    found = {"accuracy": wilson(int(hits.sum()), int(counts.sum()), reason="")}
    names: dict[str, list[Interval]] = {"precision": [], "recall": [], "f1": []}
    for k in np.flatnonzero(true):
        right, calls, items = int(hits[k]), int(called[k]), int(true[k])
        parts = (
            precision_interval(right, calls),
            wilson(right, items, reason=""),
            f1_interval(right, calls, items, reason=""),
        )
        for (name, members), part in zip(names.items(), parts, strict=True):
            found[f"{name}/{k}"] = part
            members.append(part)
    for name, members in names.items():
        low, high = mean_of_shares(members)
        found[f"macro_{name}"] = {
            "value": float(np.mean([part["value"] for part in members])),
            "low": low,
            "high": high,
        }
    found["balanced_accuracy"] = found["macro_recall"]
    return found


def confusion(predicted: Labels, labels: Labels, classes: int) -> NDArray[np.int64]:
    """Count predictions (K, K): rows are true classes, columns predicted ones."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _by_class(weights: Floats, predicted: Labels, labels: Labels, classes: int) -> dict[str, Floats]:
    """Return precision, recall and F1 of each class, and their means."""
    called_as, truly = np.eye(classes)[predicted], np.eye(classes)[labels]  # (N, K)
    counts = weights @ np.concatenate([called_as * truly, called_as, truly], axis=1)
    right, called, true = np.split(counts, 3, axis=1)  # each (R, K)
    present = true > 0
    parts = {
        "precision": quotient(right, called),
        "recall": quotient(right, true),
        "f1": quotient(2 * right, called + true),
    }
    found = {
        f"{name}/{k}": np.where(present[:, k], value[:, k], np.nan)
        for name, value in parts.items()
        for k in range(classes)
    }
    for name, value in parts.items():
        found[f"macro_{name}"] = quotient((value * present).sum(1), present.sum(1))
    found["balanced_accuracy"] = found["macro_recall"]
    return found


def _macro_auroc(weights: Floats, probabilities: Floats, labels: Labels) -> Floats:
    """Return the one-vs-rest mean over classes with items; NaN if only one class has any."""
    values = [
        auroc(labels == k, probabilities[:, k], weights) for k in range(probabilities.shape[1]) if (labels == k).any()
    ]
    return mean_of_known(values)


def _ece(weights: Floats, probabilities: Floats, labels: Labels) -> Floats:
    confidence = probabilities.max(1)
    gap = (probabilities.argmax(1) == labels) - confidence
    bins = np.eye(15)[confidence_bins(confidence)]  # (N, 15)
    error: Floats = np.abs(weights @ (bins * gap[:, None])).sum(1) / weights.sum(1)
    return error


def mean_of_known(values: Sequence[Floats]) -> Floats:
    """Return the mean over classes (R,) of the values that are not NaN; NaN if all are."""
    stacked = np.stack(values)  # (K, R)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(known, stacked, 0).sum(0) / known.sum(0)
    return mean


def quotient(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, 0 where the whole is 0."""
    found: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0)
    return found
