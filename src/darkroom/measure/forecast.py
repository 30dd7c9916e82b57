"""Forecast what more training images bring: a power law with correlated deviations, fitted to a learning curve.

The error on a fixed test set is modeled as E (f + (1 - f) (n / N)^-c) plus a deviation: E is the error with all N images,
f the share of it that no number of images removes, and c the exponent (Hestness et al. 2017, arXiv 1712.00409; Viering &
Loog 2022, arXiv 2103.10948). A model's deviation comes from the choice of its training images. Larger sets contain the
smaller ones, so deviations are correlated: with variance v(n), the covariance of those of n < m images is v(m), as for
means of nested samples. f and c are averaged over a grid by their marginal likelihood, which keeps the interval honest where
a curve says little about them.

The interval is a prediction: it is meant to hold the gain that training once on the larger set shows on the same test set.
`benchmarks/forecast.py` measures how often it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.measure.bootstrap import LEVEL
from darkroom.measure.learning_curve import FEWEST_SIZES, Curve

Floats = NDArray[np.float64]

FLOORS = np.linspace(0.0, 0.95, 20)
EXPONENTS = np.linspace(0.1, 1.5, 29)
DECAY = 0.5
"""Variances of deviations fall as n^-DECAY."""
WIDEN = 1.9
"""Factor on the distance of the bounds from the value, tuned on Fashion-MNIST; `benchmarks/forecast.py` tests it elsewhere."""

AHEAD = (0.25, 0.5, 1.0)
"""More images to forecast for, relative to the training images; further ahead was never compared with the truth."""


@dataclass(frozen=True)
class Forecast:
    """The expected gain in accuracy from `more` training images, with its 95 % prediction interval."""

    more: int
    value: float
    low: float
    high: float


def forecast(curve: Curve, more: int, *, test: int, widen: float = WIDEN) -> Forecast | None:
    """Forecast the gain in accuracy on the same `test` images from `more` training images; None if the curve is too short."""
    sizes, errors = np.array(curve.sizes, np.float64), curve.means
    if len(sizes) < FEWEST_SIZES:
        return None
    centers, spreads, weights = _mixture(sizes, errors, _variances(curve, test), more, draws=len(curve.errors[0]))
    now = float(errors[-1])
    value = float(weights @ (now - centers))
    tail = (1 - LEVEL) / 2
    low, high = (_quantile(now - centers, spreads, weights, level) for level in (tail, 1 - tail))
    return Forecast(more, value, value + widen * (low - value), max(value, min(now, value + widen * (high - value))))


def forecasts(curve: Curve, *, test: int) -> tuple[Forecast, ...]:
    """Forecast the gains from the numbers of images in `AHEAD`; none if the curve is too short."""
    found = (forecast(curve, rounded(share * curve.sizes[-1]), test=test) for share in AHEAD)
    return tuple(one for one in found if one)


def rounded(images: float) -> int:
    """Round down to one significant digit, as a person would ask: 244 → 200."""
    unit = 10 ** math.floor(math.log10(max(images, 1)))
    return int(images // unit * unit)


def _variances(curve: Curve, test: int) -> float:
    """Return the k of v(n) = k n^-DECAY, from the spread of draws of each size.

    Draws of n out of N images share some, which hides the part n / N of their variance. Errors are multiples of
    1 / `test`, which bounds the variance from below.
    """
    total = curve.sizes[-1]
    own = [
        size**DECAY * max(float(np.var(row, ddof=1)) / (1 - size / total), 0.25 / test**2)
        for size, row in zip(curve.sizes, curve.errors, strict=True)
        if len(row) > 1
    ]
    return float(np.mean(own))


def _mixture(sizes: Floats, errors: Floats, scale: float, more: int, *, draws: int) -> tuple[Floats, Floats, Floats]:
    """Return means, standard deviations and weights (G,) of the error with `more` images, one normal per grid point."""
    total, larger = sizes[-1], sizes[-1] + more
    variance = scale * np.maximum(sizes[:, None], sizes) ** -DECAY
    shared = scale * total**-DECAY
    covariance = shared + (variance - shared) / draws  # means over draws; all draws end in the same full set
    ahead = scale * larger**-DECAY  # variance of the future deviation, and its covariance with every past one
    precision = np.linalg.inv(covariance + 1e-9 * shared * np.eye(len(sizes)))
    kriging = precision.sum(0) * ahead
    floors, exponents = (grid.ravel() for grid in np.meshgrid(FLOORS, EXPONENTS, indexing="ij"))

    def shape(size: Floats) -> Floats:
        grown: Floats = floors[:, None] + (1 - floors[:, None]) * (size / total) ** -exponents[:, None]
        return grown

    past, future = shape(sizes), shape(np.array([larger]))[:, 0]  # (G, S), (G,)
    information = np.einsum("gs,st,gt->g", past, precision, past)
    level = past @ precision @ errors / information  # E by generalized least squares
    residuals = errors - level[:, None] * past
    misfit = np.einsum("gs,st,gt->g", residuals, precision, residuals)
    centers = level * future + residuals @ kriging
    spreads = np.sqrt(np.maximum(ahead - ahead * kriging.sum(), 0) + (future - past @ kriging) ** 2 / information)
    likelihood = -0.5 * (misfit + np.log(information))
    weights = np.exp(likelihood - likelihood.max())
    return centers, spreads, weights / weights.sum()


def _quantile(centers: Floats, spreads: Floats, weights: Floats, level: float) -> float:
    """Return a quantile of a mixture of normals by bisection."""
    low, high = float((centers - 8 * spreads).min()), float((centers + 8 * spreads).max())
    for _ in range(60):
        middle = (low + high) / 2
        if weights @ special.ndtr((middle - centers) / spreads) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
