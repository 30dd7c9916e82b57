"""Tuning: how settings of classifiers were chosen."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.report.results import Results
from darkroom.report.section import Section
from darkroom.report.sections.tuning import ranges
from darkroom.report.sections.tuning.ranges import Ranges


@dataclass(frozen=True)
class Tuning:
    """The section's content."""

    ranges: Ranges | None


def read(results: Results) -> Tuning | None:
    """Read what chose settings; None if nothing did."""
    found = Tuning(ranges.subsection(results))
    return found if found.ranges else None


SECTION = Section("tuning", "Tuning", read)
