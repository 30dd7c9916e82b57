"""Platt scaling (Platt 1999) of each label: p = σ(slope · z + offset), fitted on the validation images.

A temperature alone cannot undo the offset that a loss with unequal weights gives. As in temperature scaling
(`darkroom.classify.calibration`), the fit is shrunk toward no change, less with more errors, and dropped if cross-validation
finds no gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from darkroom.classify.calibration import FEWEST_ERRORS, FEWEST_IMAGES, PRIOR_ERRORS, cross_validated

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SLOPES, OFFSETS = (0.05, 20.0), (-20.0, 20.0)


@dataclass(frozen=True)
class Platt:
    """Slope and offset of one label and how they were chosen: `gain` is the mean cross-validated decrease of the NLL, None
    if not measured; `note` says why there is no change, and is empty if there is."""

    slope: float
    offset: float
    images: int
    errors: int
    gain: float | None
    note: str

    def logits(self, logits: Floats) -> Floats:
        """Return calibrated logits (N,) from logits (N,)."""
        return self.slope * logits + self.offset


def calibrate(logits: Floats, truth: Flags, *, generator: np.random.Generator) -> Platt:
    """Choose slope and offset for one label's validation logits (N,), or none with too few errors or without a gain."""
    images, errors = len(truth), _errors(logits, truth)
    rarer = int(min(truth.sum(), (~truth).sum()))
    if images < FEWEST_IMAGES or min(errors, rarer) < FEWEST_ERRORS:
        note = (
            f"not enough validation images to calibrate: {images}, {errors} of them wrong, {int(truth.sum())} with the label; "
            f"it takes {FEWEST_IMAGES}, {FEWEST_ERRORS}, and {FEWEST_ERRORS} with and without it"
        )
        return Platt(1.0, 0.0, images, errors, None, note)

    def gains(fitted: Flags, measured: Flags) -> Floats:
        slope, offset = shrunk(logits[fitted], truth[fitted])
        plain, true = logits[measured], truth[measured]
        return nll(plain, true) - nll(slope * plain + offset, true)

    gain = cross_validated(gains, images, generator=generator)
    if gain <= 0:
        note = "scaling does not lower the cross-validated NLL of the validation images"
        return Platt(1.0, 0.0, images, errors, gain, note)
    return Platt(*shrunk(logits, truth), images, errors, gain, "")


def fit(logits: Floats, truth: Flags) -> tuple[float, float]:
    """Return the slope, in `SLOPES`, and the offset whose scaled logits (N,) have the lowest NLL."""

    def loss(values: Floats) -> tuple[float, Floats]:
        slope = np.exp(values[0])
        scaled = slope * logits + values[1]
        error = special.expit(scaled) - truth
        return float(nll(scaled, truth).mean()), np.array([(error * slope * logits).mean(), error.mean()])

    bounds = [tuple(np.log(SLOPES)), OFFSETS]
    found = optimize.minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), float(found.x[1])


def nll(logits: Floats, truth: Flags) -> Floats:
    """Return the negative log-likelihood (...) of labels that are there or not, in nats."""
    losses: Floats = -special.log_expit(np.where(truth, logits, -logits))
    return losses


def shrunk(logits: Floats, truth: Flags) -> tuple[float, float]:
    """Return slope**w and w · offset of the fit with w = errors / (errors + `PRIOR_ERRORS`)."""
    errors = _errors(logits, truth)
    slope, offset = fit(logits, truth)
    weight = errors / (errors + PRIOR_ERRORS)
    return float(slope**weight), offset * weight


def _errors(logits: Floats, truth: Flags) -> int:
    return int(((logits > 0) != truth).sum())
