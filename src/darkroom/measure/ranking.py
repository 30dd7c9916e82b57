"""Ranking metrics (AUROC, average precision, F1), vectorized over resamples.

Every function takes `positive` (N,) of 0 and 1, `scores` (N,), higher meaning more positive, and weights (R, N), one row
per resample (default: each item once). It returns values (R,) in [0, 1], NaN for resamples with items of one kind only.
Tied scores form one step of the curve, as in scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def auroc(positive: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return the area under the ROC curve: how often a positive item outscores a negative one, ties counting half."""
    return area(curve(positive, scores, weights))


def average_precision(positive: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return the average precision, without interpolation."""
    return mean_precision(curve(positive, scores, weights))


def best_f1(positive: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return the maximum F1 over all thresholds; optimistic, as the threshold is chosen on the same items."""
    found = curve(positive, scores, weights)
    return _where_both(found, (2 * found.true / (found.true + found.false + found.true[:, -1:])).max(1))


@dataclass(frozen=True)
class Curve:
    """Total weight (R, S) of positive and of negative items at or above each distinct score, in descending order."""

    true: Floats
    false: Floats
    thresholds: Floats  # (S,)


def curve(positive: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None) -> Curve:
    """Return the cumulative counts behind all ranking metrics; sorts once for all resamples.

    Raises ValueError for non-finite scores or mismatched lengths.
    """
    positive, scores = np.asarray(positive).astype(bool), np.asarray(scores)
    weights = np.ones((1, len(scores))) if weights is None else weights
    if not len(scores) or positive.shape != scores.shape or weights.shape[1:] != scores.shape:
        raise ValueError(
            f"expected N labels, N scores and weights (R, N), got {positive.shape}, {scores.shape}, {weights.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite")
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    sorted_weights = weights[:, order]
    flags = positive[order]
    true = np.cumsum(sorted_weights * flags, axis=1)[:, ends]
    false = np.cumsum(sorted_weights * ~flags, axis=1)[:, ends]
    return Curve(true, false, falling[ends].astype(np.float64))


def area(found: Curve) -> Floats:
    """Return the AUROC of a curve by the trapezoidal rule."""
    width = np.diff(found.false, axis=1, prepend=0)
    height = found.true - np.diff(found.true, axis=1, prepend=0) / 2
    return _where_both(found, (width * height).sum(1), found.true[:, -1] * found.false[:, -1])


def mean_precision(found: Curve) -> Floats:
    """Return the average precision of a curve."""
    flagged = found.true + found.false
    precision = np.divide(found.true, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return _where_both(found, (np.diff(found.true, axis=1, prepend=0) * precision).sum(1), found.true[:, -1])


def false_at(found: Curve, tpr: float) -> Floats:
    """Return the false positive rate at the first threshold that reaches a true positive rate."""
    enough = found.true >= tpr * found.true[:, -1:] * (1 - 1e-12)
    first = enough.argmax(1)[:, None]
    return _where_both(found, np.take_along_axis(found.false, first, axis=1)[:, 0], found.false[:, -1])


def recall_at(found: Curve, precision: float) -> Floats:
    """Return the highest recall of a threshold with at least this precision, 0 if there is none."""
    flagged = found.true + found.false
    reached = np.divide(found.true, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    enough = (reached >= precision * (1 - 1e-12)) & (flagged > 0)
    return _where_both(found, np.where(enough, found.true, 0).max(1), found.true[:, -1])


def f1_of(positive: NDArray[Any], flagged: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return the F1 of flagged items; NaN for resamples without positive items."""
    positive, flagged = np.asarray(positive).astype(bool), np.asarray(flagged).astype(bool)
    weights = np.ones((1, len(positive))) if weights is None else weights
    hit, called, true = weights @ (positive & flagged), weights @ flagged, weights @ positive
    f1: Floats = np.divide(2 * hit, true + called, out=np.full(len(weights), np.nan), where=true > 0)
    return f1


def roc_points(positive: NDArray[Any], scores: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return false and true positive rates from (0, 0) to (1, 1), one point per threshold; NaN if one kind is missing."""
    found = curve(positive, scores)
    with np.errstate(invalid="ignore"):
        rates = [np.append(0.0, counts[0]) / counts[0, -1] for counts in (found.false, found.true)]
    return rates[0], rates[1]


def _where_both(found: Curve, value: Floats, whole: Floats | float = 1.0) -> Floats:
    """Return value / whole, NaN for resamples that lack positive or negative items."""
    both = (found.true[:, -1] > 0) & (found.false[:, -1] > 0)
    quotient: Floats = np.divide(value, whole, out=np.full(len(value), np.nan), where=both)
    return quotient
