"""Tables of numbers with their intervals, and captioned figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.measure.intervals import Difference, Number
from darkroom.report.parts.chart import Mark
from darkroom.report.words import text
from darkroom.report.words.nouns import worded

SIZES = (("parameters",), ("learned", "leaves"), ("learned", "trees"))
"""The keys of a model's description that `size` takes."""


@dataclass(frozen=True)
class Cell:
    """A number and, in small type below it, its interval or the reason why there is none."""

    main: str
    small: str = ""
    tone: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Row:
    """One method or class; `chosen` highlights it."""

    title: str
    cells: list[Cell]
    chosen: bool = False
    badge: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns; `groups` are headings over several columns, as (heading, columns)."""

    first: str
    columns: list[str]
    rows: list[Row]
    groups: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """An image to embed, its alternative text and its caption."""

    path: Path
    alt: str
    caption: str


def cell(number: Number, style: str, *, after: str = "", tone: str = "") -> Cell:
    """Write a number in its style; a dash and the reason if it is unknown."""
    if number.value is None:
        return Cell(text.DASH, worded(number.reason), "none")
    return Cell(text.STYLES[style](number.value) + after, text.interval(number, style), tone)


def change(difference: Difference | None, *, missing: str = "nothing to compare") -> Cell:
    """Write a difference between shares in points, colored where it is clear; a dash and what is missing otherwise."""
    if difference is None:
        return Cell(text.DASH, missing, "none")
    tone = ("good" if difference.value > 0 else "bad") if difference.clear else ""
    return Cell(text.signed(difference.value, "percent"), text.span(difference, "percent"), tone)


def seconds(number: Number) -> Cell:
    """Write a duration: `8.2 s`, `3 min 05 s`."""
    if number.value is None or number.value < 100:
        return cell(number, "compact", after=f"{text.THIN}s")
    minutes, rest = divmod(round(number.value), 60)
    return Cell(f"{text.count(minutes)}{text.THIN}min {rest:02d}{text.THIN}s")


def size(parameters: Number, leaves: Number, trees: Number) -> Cell:
    """Write how large a model is: its parameters, or the leaves of its trees; a dash if it was fitted without either."""
    if leaves.value is not None and trees.value is not None:
        return Cell(text.count(leaves.value), f"leaves of {text.plural(trees.value, 'tree')}")
    return Cell(text.DASH, "none", "none") if parameters.value == 0 else cell(parameters, "count")


def rows(titles: Sequence[str], cells: Sequence[list[Cell]], *, chosen: str | None = None) -> list[Row]:
    """Build one row per method, highlighting the chosen one unless it is alone."""
    pairs = zip(titles, cells, strict=True)
    return [Row(title, line, chosen=title == chosen and len(titles) > 1) for title, line in pairs]


def figure(path: Path, alt: str, caption: str = "") -> list[Figure]:
    """Return one figure, or none if the stage left no such image."""
    return [Figure(path, alt, caption)] if path.is_file() else []
