"""Estimates that minimize MSE, MAE and Huber's loss, with an outlier among the points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from darkroom.randomness import derive

Floats = NDArray[np.float64]
WORKED = (1.0, 2.0, 3.0, 4.0, 40.0)
TRUE = (1.0, 2.0)
"""Offset and slope of the line."""
LOSSES = ("MSE", "MAE", "Huber")


def location(values: Floats, loss: str, *, delta: float) -> float:
    """Return the number closest to the values: their mean for MSE, their median for MAE, in between for Huber."""
    match loss:
        case "MSE":
            return float(np.mean(values))
        case "MAE":
            return float(np.median(values))
    found = optimize.minimize_scalar(
        lambda c: float(_huber(values - c, delta).sum()), bounds=(values.min(), values.max()), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return float(found.x)


def line(x: Floats, y: Floats, loss: str, *, delta: float, rounds: int = 100) -> Floats:
    """Fit offset and slope (2,) by iteratively reweighted least squares (Holland & Welsch 1977).

    A point's weight is the loss's gradient over its residual: 1 for MSE, 1/|r| for MAE, min(1, δ/|r|) for Huber.
    """
    inputs = np.stack([np.ones_like(x), x], axis=1)
    fitted: Floats = np.zeros(2)
    weights = np.ones_like(x)
    for _ in range(1 if loss == "MSE" else rounds):
        root = np.sqrt(weights)
        fitted = np.linalg.lstsq(inputs * root[:, None], y * root, rcond=None)[0]
        size = np.maximum(np.abs(y - inputs @ fitted), 1e-9)
        weights = 1 / size if loss == "MAE" else np.minimum(1, delta / size)
    return fitted


def points(count: int, height: float, seed: int) -> tuple[Floats, Floats]:
    """Draw points around the line, x in [0, 10], noise 1; the last one is `height` above it."""
    draws = np.random.default_rng(derive(seed, "line"))
    x = np.linspace(0, 10, count)
    y = TRUE[0] + TRUE[1] * x + draws.standard_normal(count)
    y[-1] += height
    return x, y


def _huber(r: Floats, delta: float) -> Floats:
    size = np.abs(r)
    found: Floats = np.where(size <= delta, r**2 / 2, delta * (size - delta / 2))
    return found
