"""Place intervals on one axis: positions of the page's dot-and-whisker rows, in percent of the axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.measure.intervals import Difference, Number
from darkroom.report.words import text

MOST_TICKS = 7
"""The most steps that an axis is divided into."""


@dataclass(frozen=True)
class Mark:
    """One row: a dot with its whisker, its name, the number as written and its interval (or the reason for no number)."""

    name: str
    shown: str
    span: str
    dot: float | None
    low: float | None
    high: float | None
    chosen: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Chart:
    """Rows on one axis; `zero` is the position of the no-difference line, if the axis has one."""

    marks: list[Mark]
    ticks: list[tuple[float, str]]  # position, label
    zero: float | None = None


def numbers(rows: Sequence[tuple[str, Number]], style: str, *, chosen: int | None = None) -> Chart:
    """Chart numbers with their intervals; `chosen` is the row to highlight."""
    axis = _Axis([v for _, n in rows for v in (n.value, n.low, n.high) if v is not None], style)
    marks = [
        Mark(
            name,
            text.plain(n, style) if n.value is not None else "",
            text.interval(n, style) or n.reason,
            axis.place(n.value),
            axis.place(n.low),
            axis.place(n.high),
            chosen=index == chosen,
        )
        for index, (name, n) in enumerate(rows)
    ]
    return Chart(marks, axis.ticks())


def differences(rows: Sequence[tuple[str, Difference]], style: str) -> Chart:
    """Chart differences around zero, colored by sign where they are clear."""
    axis = _Axis([0.0, *(v for _, d in rows for v in (d.value, d.low, d.high))], style)
    marks = [
        Mark(
            name,
            text.signed(d.value, style),
            text.span(d, style),
            axis.place(d.value),
            axis.place(d.low),
            axis.place(d.high),
            tone=("good" if d.value > 0 else "bad") if d.clear else "even",
        )
        for name, d in rows
    ]
    return Chart(marks, axis.ticks(signed=True), axis.place(0.0))


class _Axis:
    """An axis from just below the lowest value to just above the highest, with round ticks."""

    def __init__(self, values: Sequence[float], style: str) -> None:
        self.style = style
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
        self.low, self.high = low - room, high + room

    def place(self, value: float | None) -> float | None:
        if value is None:
            return None
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def ticks(self, *, signed: bool = False) -> list[tuple[float, str]]:
        width = self.high - self.low
        magnitude = 10.0 ** math.floor(math.log10(width))
        step = next(f * magnitude for f in (0.1, 0.2, 0.5, 1, 2) if width / (f * magnitude) <= MOST_TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        shown = [(self.place(k * step) or 0.0, k * step) for k in range(first, last + 1)]
        return [(place, self._label(value, step, signed)) for place, value in shown if 4 <= place <= 96]

    def _label(self, value: float, step: float, signed: bool) -> str:
        scale = 100 if self.style == "percent" else 1
        places = max(0, -math.floor(math.log10(step * scale) + 1e-9))
        label = text.signless_zero(f"{value * scale:.{places}f}")
        return f"+{label}" if signed and value > step / 2 else label
