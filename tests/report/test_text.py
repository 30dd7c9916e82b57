"""How numbers are written."""

from __future__ import annotations

import pytest

from darkroom.report.intervals import Difference, Number
from darkroom.report.parts import chart
from darkroom.report.words import text


def test_a_number_is_never_without_its_interval() -> None:
    assert text.full(Number(0.989, 0.978, 0.996), "percent") == "98.9\N{NARROW NO-BREAK SPACE}% (97.8–99.6)"
    assert text.full(Number(-97.31, -98.1, -96), "nats") == "−97.3 (−98.1 to −96.0)"
    assert text.full(Number(reason="no masks"), "decimal") == "unknown (no masks)"


def test_a_difference_shows_its_sign_and_zero_has_none() -> None:
    assert text.points(Difference(0.006, -0.002, 0.014)) == "+0.6 points (−0.2 to +1.4)"
    assert text.signed(-0.00001, "percent") == "0.0"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.01822, "0.0182"), (1.5, "1.5"), (18_203.4, "18,203"), (999_999, "999,999")]
)
def test_compact_numbers_have_no_exponent(value: float, shown: str) -> None:
    assert text.compact(value) == shown


def test_lists_and_plurals_read_as_words() -> None:
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.listed(["a"]) == "a"
    assert text.plural(1, "class", "classes") == "1 class"
    assert text.plural(1200, "image") == "1,200 images"


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
