"""Decisions where mistakes cost unequally (Elkan 2001): a cost for every true and predicted class.

Costs are (K, K), rows are true classes, columns predicted ones. Probabilities are (N, K), labels (N,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def cheapest(probabilities: Floats, costs: Floats) -> Labels:
    """Return the prediction (N,) with the lowest expected cost; it is right as far as the probabilities are calibrated."""
    found: Labels = (probabilities @ costs).argmin(1)
    return found


def threshold(costs: Floats) -> float:
    """Return the probability of the second of two classes from which on predicting it costs less.

    Raises ValueError for costs at which one of both predictions is always the cheaper.
    """
    (kept, false_alarm), (miss, hit) = costs.tolist()
    gain, loss = miss - hit, false_alarm - kept
    if gain <= 0 or loss <= 0:
        raise ValueError(f"costs {costs.tolist()}: a mistake must cost more than the right answer, for both classes")
    return float(loss / (loss + gain))


def best_threshold(labels: Labels, scores: Floats, costs: Floats) -> float:
    """Return the score of the second of two classes from which on predicting it cost least among these items.

    Cuts lie halfway between neighboring scores, or beyond all of them; of equal ones the first in ascending order.
    """
    order = np.argsort(scores, kind="stable")
    sorted_scores, sorted_labels = scores[order], labels[order]
    below, above = costs[sorted_labels, 0], costs[sorted_labels, 1]
    totals = np.concatenate([[0.0], np.cumsum(below)]) + np.concatenate([np.cumsum(above[::-1])[::-1], [0.0]])
    cuts = np.concatenate([[-np.inf], (sorted_scores[1:] + sorted_scores[:-1]) / 2, [np.inf]])
    apart = np.concatenate([[True], sorted_scores[1:] > sorted_scores[:-1], [True]])
    return float(cuts[np.where(apart, totals, np.inf).argmin()])


def mean_cost(labels: Labels, predicted: Labels, costs: Floats, weights: Floats) -> Floats:
    """Return the mean cost (R,) of predictions (N,) under weights (R, N)."""
    found: Floats = weights @ costs[labels, predicted] / weights.sum(1)
    return found
