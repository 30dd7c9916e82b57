"""Findings with their verdicts, and large numbers: the words that a page opens with."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from darkroom.measure.intervals import Difference, Number
from darkroom.report.words import text
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say


@dataclass(frozen=True)
class Finding:
    """One sentence of the answer. `tone` is good, bad, even (no clear difference) or note."""

    topic: str
    verdict: str
    tone: str
    words: Markup


@dataclass(frozen=True)
class Tile:
    """One large number."""

    label: str
    value: str
    span: str
    note: str


def tile(label: str, number: Number, style: str, note: str) -> Tile:
    """Build a tile; a number that is unknown shows its reason."""
    if number.value is None:
        return Tile(label, text.DASH, worded(number.reason), note)
    return Tile(label, text.plain(number, style), text.interval(number, style), note)


def bracketed(number: Number, style: str) -> Markup:
    """Write an interval in the brackets that a headline sets apart; empty if there is none."""
    span = text.interval(number, style)
    return say(" <span>({})</span>", span) if span else Markup("")


def verdict(change: Difference) -> tuple[str, str]:
    """Judge a change for the better or the worse: the verdict and its tone."""
    if not change.clear:
        return "no clear difference", "even"
    return ("helped", "good") if change.value > 0 else ("hurt", "bad")
