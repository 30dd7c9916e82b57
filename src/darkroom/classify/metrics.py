"""How good class probabilities are, for many weightings of the items at once: what a bootstrap needs.

Every function takes weights (R, N), one row a resample, and gives values (R,). Items are probabilities (N, K) and labels (N,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.calibration import confidence_bins
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
    """Every metric of `SCORES`, and `precision/k`, `recall/k`, `f1/k` of each class k.

    Those of a class are NaN where it has no item, and macro means are over the classes that have some; precision of a
    class with items that is never predicted is 0. `ece` is the
    expected calibration error in 15 equal bins of confidence (Naeini et al. 2015), `brier` the sum over classes
    (Brier 1950), `nll` in nats.
    """
    classes = probabilities.shape[1]
    total = weights.sum(1)
    rows = np.arange(len(labels))
    # a temperature below 1 can make a probability round to zero; the loss of such a miss is bounded, not infinite
    nll = -np.log(np.maximum(probabilities[rows, labels], 1e-12))
    truth = np.eye(classes)[labels]
    brier = ((probabilities - truth) ** 2).sum(1)
    found = {"accuracy": weights @ (probabilities.argmax(1) == labels) / total}
    found |= _by_class(weights, probabilities.argmax(1), labels, classes)
    found["macro_auroc"] = _macro_auroc(weights, probabilities, labels)
    found |= {"nll": weights @ nll / total, "brier": weights @ brier / total}
    found["ece"] = _ece(weights, probabilities, labels)
    return found


def confusion(predicted: Labels, labels: Labels, classes: int) -> NDArray[np.int64]:
    """Counts (K, K): rows are true classes, columns predicted ones."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _by_class(weights: Floats, predicted: Labels, labels: Labels, classes: int) -> dict[str, Floats]:
    """Precision, recall and F1 of each class and their means."""
    called_as, truly = np.eye(classes)[predicted], np.eye(classes)[labels]  # (N, K)
    counts = weights @ np.concatenate([called_as * truly, called_as, truly], axis=1)
    right, called, true = np.split(counts, 3, axis=1)  # each (R, K)
    present = true > 0
    parts = {"precision": _share(right, called), "recall": _share(right, true), "f1": _share(2 * right, called + true)}
    found = {
        f"{name}/{k}": np.where(present[:, k], value[:, k], np.nan)
        for name, value in parts.items()
        for k in range(classes)
    }
    for name, value in parts.items():
        found[f"macro_{name}"] = _share((value * present).sum(1), present.sum(1))
    found["balanced_accuracy"] = found["macro_recall"]
    return found


def _macro_auroc(weights: Floats, probabilities: Floats, labels: Labels) -> Floats:
    """One against the rest, mean over the classes that have items; NaN where only one class has."""
    values = [
        auroc(labels == k, probabilities[:, k], weights) for k in range(probabilities.shape[1]) if (labels == k).any()
    ]
    stacked = np.stack(values)  # (K, R)
    with np.errstate(invalid="ignore"):
        there = ~np.isnan(stacked)
        mean: Floats = np.where(there, stacked, 0).sum(0) / there.sum(0)
    return mean


def _ece(weights: Floats, probabilities: Floats, labels: Labels) -> Floats:
    confidence = probabilities.max(1)
    gap = (probabilities.argmax(1) == labels) - confidence
    bins = np.eye(15)[confidence_bins(confidence)]  # (N, 15)
    error: Floats = np.abs(weights @ (bins * gap[:, None])).sum(1) / weights.sum(1)
    return error


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where the whole is 0."""
    quotient: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0)
    return quotient
