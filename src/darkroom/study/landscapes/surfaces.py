"""Four surfaces in the plane, each a difficulty of its own, with gradients in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Point = tuple[float, float]
CURVATURE = 100.0
"""Of the ravine across, where it is 1 along."""
SLOPE, WALL, SHARPNESS = 0.5, 60.0, 8.0
"""Of the cliff: the gentle slope, the wall's slope, and how sharp the edge is."""


@dataclass(frozen=True)
class Surface:
    """A function of two numbers with minimum 0, its gradient, a start, and the part of the plane to draw."""

    value: Callable[[Any, Any], Any]
    gradient: Callable[[float, float], Point]
    start: Point
    window: tuple[float, float, float, float]
    """Left, right, bottom and top."""


def plateau() -> Surface:
    """Return 1 - exp(-r²/2), with r the distance from (1, 1): far away from it, the gradient is nearly zero."""

    def gradient(x: float, y: float) -> Point:
        bell = math.exp(-((x - 1) ** 2 + (y - 1) ** 2) / 2)
        return (x - 1) * bell, (y - 1) * bell

    return Surface(
        lambda x, y: 1 - np.exp(-((x - 1) ** 2 + (y - 1) ** 2) / 2), gradient, (4.2, 2.6), (-2.5, 5, -1.5, 4)
    )


def ravine() -> Surface:
    """Return ((x - 1)² + κ (y - 1)²) / 2: the rate that is stable across the ravine is slow along it."""
    return Surface(
        lambda x, y: ((x - 1) ** 2 + CURVATURE * (y - 1) ** 2) / 2,
        lambda x, y: (x - 1, CURVATURE * (y - 1)),
        (-3.0, 1.5),
        (-4, 3, 0.2, 1.8),
    )


def saddle() -> Surface:
    """Return x²/2 - y²/2 + y⁴/4 + 1/4: a saddle at 0 between minima at y = ±1. The start is nearly on the ridge."""
    return Surface(
        lambda x, y: x * x / 2 - y * y / 2 + y**4 / 4 + 0.25,
        lambda x, y: (x, y**3 - y),
        (1.5, 0.001),
        (-2, 2, -1.6, 1.6),
    )


def cliff() -> Surface:
    """Return a gentle slope that ends at a wall: a step up the wall meets a gradient a hundred times as large.

    a x + (b / k) log(1 + exp(-k x)) has the slope a on the right and a - b on the left; y adds y²/20.
    """
    edge = math.log(WALL / SLOPE - 1) / SHARPNESS

    def along(x: Any) -> Any:
        return SLOPE * x + WALL / SHARPNESS * np.logaddexp(0, -SHARPNESS * x)

    lowest = float(along(edge))

    def gradient(x: float, y: float) -> Point:
        inner = min(SHARPNESS * x, 700.0)
        return SLOPE - WALL / (1 + math.exp(inner)), y / 10

    return Surface(lambda x, y: along(x) - lowest + y * y / 20, gradient, (5.0, 1.0), (-1, 9, -2, 2))


SURFACES: dict[str, Surface] = {"plateau": plateau(), "cliff": cliff(), "ravine": ravine(), "saddle": saddle()}
