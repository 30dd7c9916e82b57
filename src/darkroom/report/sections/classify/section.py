"""The classifiers, by what they predict for an image: one class, several labels, or numbers."""

from __future__ import annotations

from typing import TypeAlias

from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.classify import labels, numbers, one_class

Content: TypeAlias = one_class.Classifiers | labels.Labels | numbers.Numbers


def read(results: Results) -> Content | None:
    """Rank and compare the classifiers; None if there are none."""
    if not results.classifiers:
        return None
    match results.classifiers[0].target:
        case "labels":
            return labels.read(results)
        case "numbers":
            return numbers.read(results)
        case _:
            return one_class.read(results)


def answer(found: Content) -> Answer:
    """Head the page with what the best classifier gets right."""
    match found:
        case labels.Labels():
            return labels.answer(found)
        case numbers.Numbers():
            return numbers.answer(found)
        case _:
            return one_class.answer(found)


SECTION = Section("classify", "Classify", read, answer, rank=1)
