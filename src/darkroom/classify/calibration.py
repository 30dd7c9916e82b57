"""Temperature scaling (Guo et al. 2017): one parameter, fitted on validation images, that makes confidence match accuracy.

Only errors carry information about overconfidence: without any, the likelihood keeps growing as T goes to 0. So the fit is
shrunk toward T = 1, less with more errors, and dropped if cross-validation finds no gain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]
PRIOR_ERRORS = 10
"""log T is multiplied by errors / (errors + PRIOR_ERRORS)."""
FEWEST_IMAGES, FEWEST_ERRORS = 50, 5
"""Minimum number of validation images and of errors among them to fit a temperature."""
FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """A temperature and how it was chosen: `gain` is the mean cross-validated decrease of the NLL, None if not measured;
    `note` says why T is 1, and is empty if T was fitted."""

    temperature: float
    images: int
    errors: int
    gain: float | None
    note: str


def log_softmax(logits: Floats) -> Floats:
    """Return the log-probabilities (N, K) of logits (N, K)."""
    result: Floats = special.log_softmax(logits, axis=1)
    return result


def calibrate(logits: Floats, labels: Labels, *, generator: np.random.Generator) -> Calibration:
    """Choose the temperature for validation logits (N, K), shrunk toward 1; exactly 1 with too few errors or without a gain.

    The gain is cross-validated over `FOLDS` random folds, with the temperature fitted on the other folds.
    """
    images, errors = len(labels), int((logits.argmax(1) != labels).sum()) if len(labels) else 0
    if images < FEWEST_IMAGES or errors < FEWEST_ERRORS:
        note = (
            f"not enough validation images to calibrate: {images}, {errors} of them misclassified; "
            f"it takes {FEWEST_IMAGES} and {FEWEST_ERRORS}"
        )
        return Calibration(1.0, images, errors, None, note)

    def gains(fitted: Flags, measured: Flags) -> Floats:
        temperature = shrunk_temperature(logits[fitted], labels[fitted])
        plain, true = logits[measured], labels[measured]
        return nll(plain, true) - nll(plain / temperature, true)

    gain = cross_validated(gains, images, generator=generator)
    if gain <= 0:
        return Calibration(
            1.0, images, errors, gain, "scaling does not lower the cross-validated NLL of the validation images"
        )
    return Calibration(shrunk_temperature(logits, labels), images, errors, gain, "")


def cross_validated(gains: Callable[[Flags, Flags], Floats], images: int, *, generator: np.random.Generator) -> float:
    """Return the mean gain over random folds; `gains` takes the images to fit on and those to measure, as masks (N,)."""
    parts, found = generator.permutation(images) % FOLDS, np.empty(images)
    for part in range(FOLDS):
        found[parts == part] = gains(parts != part, parts == part)
    return float(found.mean())


def shrunk_temperature(logits: Floats, labels: Labels) -> float:
    """Return exp(w log T) with w = errors / (errors + `PRIOR_ERRORS`), where T minimizes the NLL."""
    errors = int((logits.argmax(1) != labels).sum())
    return float(np.exp(np.log(fit_temperature(logits, labels)) * errors / (errors + PRIOR_ERRORS)))


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """Return the temperature in [0.05, 20] whose scaled logits (N, K) have the lowest NLL; 1 without items."""
    if not len(labels):
        return 1.0

    def loss(log_temperature: float) -> float:
        return float(nll(logits / np.exp(log_temperature), labels).mean())

    bounds = (np.log(0.05), np.log(20.0))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def nll(logits: Floats, labels: Labels) -> Floats:
    """Return the negative log-likelihood (N,) of labels (N,) in nats."""
    losses: Floats = -log_softmax(logits)[np.arange(len(labels)), labels]
    return losses


def reliability(probabilities: Floats, labels: Labels, *, bins: int = 15) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return mean confidence, accuracy and number of items in each of `bins` equal intervals of the confidence in [0, 1].

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


def confidence_bins(confidence: Floats, *, bins: int = 15) -> NDArray[np.int64]:
    """Return the index of each confidence's bin."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)
