"""What a section declares: its place on the page, what it reads, and what it contributes to the answer.

A new section is one module in `sections/` with a `SECTION`, the template `templates/KEY.html`, which finds what `read`
returned as `content`, and its name in `build.SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from darkroom.report.parts.chart import Chart
from darkroom.report.results import Results
from darkroom.report.words.finding import Finding, Tile


@dataclass(frozen=True)
class Answer:
    """What a section contributes to the top of the page; the first section with a headline heads it."""

    headline: Markup | None = None
    basis: Markup | None = None
    """How the headline's method was chosen."""
    chart: Chart | None = None
    """The headline's method beside its rivals, in percent."""
    measure: str = "Accuracy"
    """What the chart shows."""
    tiles: Sequence[Tile] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Section:
    """One part of the page, in the order of `build.SECTIONS`."""

    key: str
    """Anchor on the page, and name of the template."""
    title: str
    """Its name in the navigation."""
    read: Callable[[Results], Any]
    """Reads what the section shows; None, and the page has no such section, if there is nothing."""
    answer: Callable[[Any], Answer] | None = None
    """Takes what `read` returned."""
    rank: int = 0
    """Place of its contribution in the answer, lowest first."""
