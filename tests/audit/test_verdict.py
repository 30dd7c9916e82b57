"""Verdicts: what is ruled out, what is kept though labels are lost, and how much weaker a transform has to be."""

from __future__ import annotations

import pytest

from darkroom.audit.verdict import find, weaker


def numbers(*, clean: float = 0.98, kept: float = 0.98, turned: float = 0.0, spread: float = 0.02) -> dict:
    def around(value: float) -> dict:
        return {"value": value, "low": value - spread, "high": value + spread}

    return {
        "clean": around(clean),
        "kept": around(kept),
        "loss": around(clean - kept),
        "turned_more": around(turned),
    }


def outcome(images: int = 200, tolerance: float = 0.05, **values: float) -> tuple[str, str]:
    found = find(numbers(**values), images=images, tolerance=tolerance)
    return found.outcome, found.note


def test_a_loss_within_the_tolerance_is_kept_and_one_that_may_be_is_unclear() -> None:
    assert outcome(kept=0.95) == ("kept", "")
    assert outcome(kept=0.92) == ("kept", "unclear")


def test_labels_are_lost_where_images_turn_into_others_or_most_are_not_recognised() -> None:
    assert outcome(kept=0.80, turned=0.15) == ("lost", "")
    assert outcome(kept=0.20, turned=0.0) == ("lost", "")
    assert outcome(kept=0.80, turned=0.01) == ("kept", "unfamiliar")


def test_a_poor_judge_or_few_images_say_nothing() -> None:
    assert outcome(clean=0.4, kept=0.1)[0] == "unknown"
    assert outcome(images=9, kept=0.1)[0] == "unknown"


@pytest.mark.parametrize("limit", [0.15, 0.37, 0.5, 0.99])
def test_bisection_finds_the_largest_strength_that_is_within_the_tolerance(limit: float) -> None:
    def loss(strength: float) -> float:
        return 0.0 if strength <= limit + 1e-9 else 0.3

    assert weaker(loss, 1.0, 0.05) == pytest.approx(limit)


def test_what_a_tenth_of_the_strength_does_not_mend_is_dropped() -> None:
    assert weaker(lambda strength: 0.3, 1.0, 0.05) is None
    assert weaker(lambda strength: 0.0 if strength <= 0.05 else 0.3, 1.0, 0.05) is None
