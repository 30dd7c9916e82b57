"""Intervals on an axis."""

from __future__ import annotations

import pytest

from darkroom.measure.intervals import Number
from darkroom.report.parts import chart


@pytest.mark.parametrize("spread", [0.0, 1e-9, 0.001, 0.2, 40.0])
def test_a_chart_keeps_its_marks_on_the_axis(spread: float) -> None:
    numbers = [("a", Number(0.5, 0.5 - spread, 0.5 + spread)), ("b", Number(reason="unknown"))]
    drawn = chart.numbers(numbers, "decimal")
    marked, empty = drawn.marks
    assert marked.low is not None
    assert marked.dot is not None
    assert marked.high is not None
    assert 0 <= marked.low <= marked.dot <= marked.high <= 100
    assert empty.dot is None
    assert 1 <= len(drawn.ticks) <= 8
    assert len({label for _, label in drawn.ticks}) == len(drawn.ticks)
