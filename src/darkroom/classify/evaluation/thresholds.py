"""The probability from which on a label counts as present: chosen for F1 on the validation images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.ranking import curve

DEFAULT = 0.5
FEWEST_POSITIVES = 5
"""Validation images with a label below which its threshold is `DEFAULT`."""
PRIOR_POSITIVES = 10
"""The distance from `DEFAULT` is multiplied by n / (n + PRIOR_POSITIVES) for n validation images with the label."""


def choose(truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Return the threshold of one label (N,) with the highest F1, shrunk toward `DEFAULT`.

    The best threshold of a rare label is mostly noise. Cuts lie halfway between neighboring probabilities; of several with
    the highest F1, the one nearest to `DEFAULT` is chosen.
    """
    positives = int(truth.sum())
    if positives < FEWEST_POSITIVES:
        return DEFAULT
    found = curve(truth, probabilities)
    f1 = 2 * found.true[0] / (found.true[0] + found.false[0] + positives)
    cuts = found.thresholds - np.append(-np.diff(found.thresholds), 0) / 2
    best = cuts[f1 > f1.max() - 1e-12]
    cut = best[np.abs(best - DEFAULT).argmin()]
    return float(DEFAULT + (cut - DEFAULT) * positives / (positives + PRIOR_POSITIVES))


def choose_all(truth: NDArray[Any], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the threshold of each label (K,) for truth and probabilities (N, K); `DEFAULT` without images."""
    if not len(truth):
        return np.full(truth.shape[1], DEFAULT)
    return np.array([choose(*columns) for columns in zip(truth.T, probabilities.T, strict=True)])
