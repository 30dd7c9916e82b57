"""Temperature scaling (Guo et al. 2017): one number, fitted on validation, that makes confidence mean what it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities (N, K) of logits (N, K)."""
    result: NDArray[np.float64] = special.log_softmax(logits, axis=1)
    return result


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature in [0.05, 20] whose scaled logits (N, K) have the lowest cross-entropy; 1 when there are no items."""
    if not len(labels):
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature))
        return float(-scaled[np.arange(len(labels)), labels].mean())

    found = optimize.minimize_scalar(
        loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, bins: int = 15
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean confidence, share right and number of items in each of `bins` equal intervals of the confidence in [0, 1].

    Empty bins have NaN for both means.
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    place = confidence_bins(confidence, bins=bins)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, weights=confidence, minlength=bins) / counts
        shares = np.bincount(place, weights=right, minlength=bins) / counts
    return means, shares, counts


def confidence_bins(confidence: NDArray[np.float64], *, bins: int = 15) -> NDArray[np.int64]:
    """The number of the bin of each confidence."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)
