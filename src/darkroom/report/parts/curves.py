"""Draw numbers against a quantity as lines with intervals: positions in an inline SVG, whose colors follow the theme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom.measure.intervals import Number
from darkroom.report.words import text

LEFT, RIGHT, TOP, BOTTOM = 58.0, 468.0, 12.0, 250.0
"""The edges of the plot in a 480×300 drawing."""
APART, SPREAD = 5.0, 32.0
"""Horizontal offset between the points of adjacent lines, which keeps their intervals apart, and its most over all lines."""
MOST_TICKS = 6


@dataclass(frozen=True)
class Point:
    """Position of a number and of the ends of its interval."""

    x: float
    y: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """One method; `path` is the `d` of an SVG path."""

    name: str
    path: str
    points: list[Point]


@dataclass(frozen=True)
class Curves:
    """Lines on common axes, with their ticks as (position, label)."""

    title: str
    across: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def curves(
    title: str,
    across: str,
    found: Mapping[str, Mapping[float, Number]],
    labels: Mapping[float, str],
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> Curves:
    """Draw one line per method through its known numbers; `labels` name the values on the horizontal axis.

    A logarithmic axis shows values above 0 only.
    """
    known = {name: {x: n for x, n in row.items() if n.value is not None} for name, row in found.items()}
    heights = [v for row in known.values() for n in row.values() for v in (n.value, n.low, n.high) if v is not None]
    across_scale = _Scale(list(labels), (LEFT + 24, RIGHT - 20), log=log_x)
    up = _Scale([v for v in heights if v > 0] if log_y else heights, (BOTTOM - 8, TOP + 8), log=log_y)
    apart = min(APART, SPREAD / max(1, len(known) - 1))
    lines = []
    for index, (name, row) in enumerate(known.items()):
        shift = (index - (len(known) - 1) / 2) * apart
        points = [
            Point(round(across_scale.place(x) + shift, 1), up.place(n.value or 0.0), *map(up.known, (n.low, n.high)))
            for x, n in sorted(row.items())
        ]
        path = " ".join(f"{'L' if k else 'M'}{point.x} {point.y}" for k, point in enumerate(points))
        lines.append(Line(name, path, points))
    return Curves(title, across, lines, [(across_scale.place(x), label) for x, label in labels.items()], up.ticks())


class _Scale:
    """A map from values to positions between two edges of the drawing."""

    def __init__(self, values: Sequence[float], edges: tuple[float, float], *, log: bool) -> None:
        self.log, self.edges = log, edges
        low, high = (min(values), max(values)) if values else (1.0, 2.0)
        if low == high:
            low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
        self.low, self.high = low, high

    def place(self, value: float) -> float:
        low, high, at = (
            (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        start, end = self.edges
        return round(start + (end - start) * (at - low) / (high - low), 1)

    def known(self, value: float | None) -> float | None:
        """Place the end of an interval, kept on the axis."""
        return None if value is None else self.place(max(self.low, value))

    def ticks(self) -> list[tuple[float, str]]:
        """Label round values: 1, 2 and 5 of each decade, or even steps."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            round_values = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
            return [(self.place(v), f"{v:.3g}") for v in round_values if self.low <= v <= self.high]
        width = self.high - self.low
        magnitude = 10.0 ** math.floor(math.log10(width))
        step = next(f * magnitude for f in (0.1, 0.2, 0.5, 1, 2) if width / (f * magnitude) <= MOST_TICKS)
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        steps = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [(self.place(k * step), text.signless_zero(f"{k * step:.{places}f}")) for k in steps]
