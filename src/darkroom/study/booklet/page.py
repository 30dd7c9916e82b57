"""Fill the text of a study with what its experiment found."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from darkroom.measure.intervals import Difference, Number
from darkroom.report.page import TEMPLATES, environment
from darkroom.report.parts import chart
from darkroom.report.parts.table import Cell, Table, cell, rows
from darkroom.report.words import text
from darkroom.study.booklet import words
from darkroom.study.booklet.markdown import html

OWN = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """A study's text, ready for its place in the booklet."""

    name: str
    title: str
    body: Markup
    lead: str
    """Its first paragraph without markup."""


def templates() -> jinja2.Environment:
    """Return the environment of the booklet's templates and of every page's text."""
    made = environment(OWN, TEMPLATES)
    made.filters |= words.FILTERS
    return made


def rendered(name: str, source: str, findings: Mapping[str, Any], folder: Path) -> Page:
    """Render a study's text: Jinja first, then Markdown. `findings` are as read from `folder`, which holds the figures.

    The text sees the numbers as `n`, the settings as `c`, constants by module as `k`, and `figure(name, caption)`,
    `table(name)` and `chart(name, column)`. Raises ValueError naming the page for whatever it asks for that is not there.
    """
    made = templates()
    try:
        filled = made.from_string(source).render(
            n=findings["numbers"],
            c=findings["settings"],
            k=findings["constants"],
            **_Parts(made, findings, folder).functions,
        )
        body = html(filled)
    except (jinja2.TemplateError, ValueError, KeyError, TypeError) as error:
        line = getattr(error, "lineno", None)
        where = f"src/darkroom/study/{name}/page.md" + (f":{line}" if line else "")
        raise ValueError(f"{where}: {error}") from error
    heading, _, rest = body.partition("</h1>")
    if not heading.startswith("<h1>"):
        raise ValueError(f"src/darkroom/study/{name}/page.md: expected a heading such as `# Dropout` in its first line")
    title = Markup(heading.removeprefix("<h1>"))
    lead = Markup(rest.partition("<p>")[2].partition("</p>")[0])
    return Page(name, title.striptags(), Markup(rest), lead)


class _Parts:
    """Figures, tables and charts of one page."""

    def __init__(self, made: jinja2.Environment, findings: Mapping[str, Any], folder: Path) -> None:
        self.findings, self.folder = findings, folder
        self.macros: Any = made.get_template("macros.html").module
        self.own: Any = made.get_template("parts.html").module
        self.functions = {"figure": self.figure, "table": self.table, "chart": self.chart}

    def figure(self, name: str, caption: str = "") -> Markup:
        """Show a figure of the experiment."""
        about = self._found("figures", name)
        moving = _uri(self.folder / about["animation"]) if "animation" in about else ""
        uri = _uri(self.folder / about["file"])
        return _one_block(self.own.figure(uri, about["width"], about["height"], about["alt"], caption, moving))

    def table(self, name: str, label: str = "") -> Markup:
        """Show a table of the experiment; `label` describes it to screen readers."""
        found = self._found("tables", name)
        cells = [[_cell(v, style) for v, style in zip(row, found["styles"], strict=True)] for _, row in found["rows"]]
        drawn = Table(found["first"], found["columns"], rows([title for title, _ in found["rows"]], cells))
        return _one_block(self.macros.table(drawn, label or f"{found['first']} and {text.listed(found['columns'])}"))

    def chart(self, name: str, column: str, title: str = "", unit: str = "") -> Markup:
        """Show a column of a table as dots with their intervals on one axis."""
        found = self._found("tables", name)
        at = found["columns"].index(column)
        style = found["styles"][at]
        marks = [(row_title, row[at]) for row_title, row in found["rows"] if row[at] is not None]
        different = all(isinstance(value, Difference) for _, value in marks)
        draw: Any = chart.differences if different else chart.numbers
        points = [(t, Number(float(v)) if isinstance(v, int | float) else v) for t, v in marks]
        return _one_block(self.macros.chart(draw(points, style), title or column, unit or text.unit(style)))

    def _found(self, kind: str, name: str) -> dict[str, Any]:
        there: dict[str, Any] = self.findings[kind]
        if name not in there:
            raise ValueError(f'the experiment made no {kind[:-1]} "{name}"; it made {", ".join(there) or "none"}')
        found: dict[str, Any] = there[name]
        return found


def _cell(value: Any, style: str) -> Cell:
    if isinstance(value, Number):
        return cell(value, style)
    if isinstance(value, Difference):
        tone = ("good" if value.value > 0 else "bad") if value.clear and style == "percent" else ""
        return Cell(text.signed(value.value, style), text.span(value, style), tone)
    if value is None:
        return Cell(text.DASH, "", "none")
    return Cell(value if isinstance(value, str) else text.STYLES[style](value))


def _uri(path: Path) -> str:
    kind = {".svg": "svg+xml", ".gif": "gif"}[path.suffix]
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _one_block(filled: str) -> Markup:
    """Drop blank lines, at which Markdown would end a block of HTML."""
    return Markup("\n".join(line.strip() for line in filled.splitlines() if line.strip()))
