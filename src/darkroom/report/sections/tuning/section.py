"""Tuning: how settings of classifiers were chosen, and how they compare over folds."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.tuning import cross_validation, ranges
from darkroom.report.sections.tuning.cross_validation import CrossValidation
from darkroom.report.sections.tuning.ranges import Ranges


@dataclass(frozen=True)
class Tuning:
    """The section's content."""

    ranges: Ranges | None
    folds: CrossValidation | None


def read(results: Results) -> Tuning | None:
    """Read what compares and chooses settings; None if nothing does."""
    found = Tuning(ranges.subsection(results), cross_validation.subsection(results))
    return found if any((found.ranges, found.folds)) else None


def answer(content: Tuning) -> Answer:
    """Add what holds over folds."""
    return Answer(findings=[*cross_validation.findings(content.folds)])


SECTION = Section("tuning", "Tuning", read, answer, rank=3)
