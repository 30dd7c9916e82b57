"""What the page is assembled from: findings in words, tables of numbers with their intervals, captioned pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from darkroom.report.intervals import Number
from darkroom.report.parts.chart import Mark
from darkroom.report.words import text


@dataclass(frozen=True)
class Finding:
    """One sentence of the answer. `tone` is good, bad, even (no clear difference) or note."""

    topic: str
    verdict: str
    tone: str
    words: Markup


@dataclass(frozen=True)
class Cell:
    """A number and, small below it, its interval or the reason why there is none."""

    main: str
    small: str = ""
    tone: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Row:
    """One method or class; `chosen` brings it out."""

    title: str
    cells: list[Cell]
    chosen: bool = False
    badge: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns; `groups` are titles over several columns as (title, columns)."""

    first: str
    columns: list[str]
    rows: list[Row]
    groups: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """A picture to embed, its text for those who cannot see it, and its caption."""

    path: Path
    alt: str
    caption: str


def say(words: str, *given: object) -> Markup:
    """A sentence with its names and numbers filled in, escaped: `say("<b>{}</b> is best", name)`."""
    return Markup(words).format(*given)


def cell(number: Number, style: str, *, after: str = "", tone: str = "") -> Cell:
    """A number in its style; a dash and the reason where it is not known."""
    if number.value is None:
        return Cell(text.DASH, number.reason, "none")
    return Cell(text.STYLES[style](number.value) + after, text.interval(number, style), tone)


def seconds(number: Number) -> Cell:
    """A duration: `8.2 s`, `3 min 05 s`."""
    if number.value is None:
        return cell(number, "compact")
    if number.value < 100:
        return cell(number, "compact", after=f"{text.THIN}s")
    minutes, rest = divmod(round(number.value), 60)
    return Cell(f"{text.count(minutes)}{text.THIN}min {rest:02d}{text.THIN}s")


def figure(path: Path, alt: str, caption: str = "") -> list[Figure]:
    """One figure, or none when the stage left no such picture."""
    return [Figure(path, alt, caption)] if path.is_file() else []
