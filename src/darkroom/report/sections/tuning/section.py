"""Tuning: how settings of classifiers were chosen, and how they compare over folds."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.tuning import cross_validation, learning_curve, ranges, search
from darkroom.report.sections.tuning.cross_validation import CrossValidation
from darkroom.report.sections.tuning.learning_curve import Learning
from darkroom.report.sections.tuning.ranges import Ranges
from darkroom.report.sections.tuning.search import Searched


@dataclass(frozen=True)
class Tuning:
    """The section's content."""

    ranges: Ranges | None
    folds: CrossValidation | None
    learning: Learning | None
    searches: list[Searched]


def read(results: Results) -> Tuning | None:
    """Read what compares and chooses settings; None if nothing does."""
    found = Tuning(
        ranges.subsection(results),
        cross_validation.subsection(results),
        learning_curve.subsection(results),
        search.subsections(results),
    )
    return found if any((found.ranges, found.folds, found.learning, found.searches)) else None


def answer(content: Tuning) -> Answer:
    """Add what holds over folds, and what more images would bring."""
    return Answer(findings=[*cross_validation.findings(content.folds), *learning_curve.findings(content.learning)])


SECTION = Section("tuning", "Tuning", read, answer, rank=3)
