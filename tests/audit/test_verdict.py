"""Verdicts: what is ruled out, what is kept though labels are lost, and how much weaker a transform has to be."""

from __future__ import annotations

import pytest

from darkroom.audit import verdict
from darkroom.audit.relearn import Relearned
from darkroom.audit.verdict import find, weaker
from darkroom.measure.proportion import wilson


def numbers(*, clean: float = 0.98, kept: float = 0.98, turned: float = 0.0, spread: float = 0.02) -> dict:
    def around(value: float) -> dict:
        return {"value": value, "low": value - spread, "high": value + spread}

    return {
        "clean": around(clean),
        "skill": around(clean),
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


def test_a_loss_that_training_undoes_is_no_reason_against_a_transform() -> None:
    clean = {"clean": {"value": 0.95, "low": 0.9, "high": 0.98}}
    learned, merged = wilson(60, 67, reason=""), wilson(34, 67, reason="")
    finding = verdict.learnable(clean, learned, tolerance=0.05)
    assert finding is not None
    assert (finding.outcome, finding.note) == ("kept", "unfamiliar")
    assert verdict.learnable(clean, merged, tolerance=0.05) is None
    assert verdict.learnable(clean, {"value": None, "reason": "no image"}, tolerance=0.05) is None


def test_two_classes_that_coincide_are_lost_whichever_the_classifier_sacrifices() -> None:
    all_six = {6: wilson(50, 50, reason=""), 9: wilson(0, 50, reason="")}
    all_nine = {6: wilson(0, 50, reason=""), 9: wilson(50, 50, reason="")}
    for plain, changed in ((all_six, all_six), (all_nine, all_nine)):
        found = Relearned(changed, plain)
        assert found.rate(6, into=9)["value"] == 0
        assert found.rate(9, into=6)["value"] == 0
