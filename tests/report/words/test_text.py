"""How numbers are written."""

from __future__ import annotations

import pytest

from darkroom.measure.intervals import Difference, Number
from darkroom.report.words import text


def test_a_number_is_never_without_its_interval() -> None:
    assert text.full(Number(0.989, 0.978, 0.996), "percent") == "98.9% (97.8–99.6)"
    assert text.full(Number(-97.31, -98.1, -96), "nats") == "−97.3 (−98.1 to −96.0)"
    assert text.full(Number(1.024, 0.98, 1.06), "ratio") == "1.02× (0.98–1.06)"
    assert text.full(Number(reason="no masks"), "decimal") == "unknown (no masks)"


def test_a_difference_shows_its_sign_and_zero_has_none() -> None:
    assert text.points(Difference(0.006, -0.002, 0.014)) == "+0.6 points (−0.2 to +1.4)"
    assert text.signed(-0.00001, "percent") == "0.0"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.01822, "0.0182"),
        (1.5, "1.5"),
        (18_203.4, "18,203"),
        (999_999, "999,999"),
        (2.3149e34, "2.31×10³⁴"),
        (-1.87e-6, "−1.87×10⁻⁶"),
    ],
)
def test_compact_numbers_have_an_exponent_only_far_from_one(value: float, shown: str) -> None:
    assert text.compact(value) == shown


@pytest.mark.parametrize(
    ("number", "noun", "written"),
    [
        (1, "image", "1 image"),
        (0, "image", "0 images"),
        (1200, "image", "1,200 images"),
        (1.5, "image", "1.5 images"),
        (2, "class", "2 classes"),
        (2, "anomalous test image", "2 anomalous test images"),
        (2, "box", "2 boxes"),
        (2, "policy", "2 policies"),
        (2, "day", "2 days"),
    ],
)
def test_a_count_agrees_with_its_noun(number: float, noun: str, written: str) -> None:
    assert text.plural(number, noun) == written


def test_verbs_agree_too_where_they_are_given() -> None:
    assert [text.plural(n, "class lies", "classes lie") for n in (1, 2)] == ["1 class lies", "2 classes lie"]


def test_words_are_listed_with_and() -> None:
    assert [text.listed(list(words)) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
