"""The job `reproduce page`: published results beside ours, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from darkroom import files
from darkroom.log import Log
from darkroom.measure.intervals import Number
from darkroom.reproduce import results
from darkroom.reproduce.config import Chapter, PageSpec, Shown, Value

PAGE = "reproduced.md"
CLOSE = 0.01
HEAD = """# Published results, reproduced

{summary}

`uv run snakemake reproduce` runs every experiment whose data is there and writes this page; `uv run snakemake reproduce_NAME`
runs one and writes results/reproduce/page/reproduced.md. Experiments and published values are in
`src/darkroom/reproduce/published`.

*n* is runs (seeds) × test items. The interval is Student's 95 % t over the runs: each run on an ADBench table is another split,
each run of a classifier other initial weights and batches. An accuracy whose runs all agree, or that has one, has Wilson's
interval over the test items. *Inside* says that the published value, up to its rounding, lies in our interval; where that is
wide it says little, and the difference says more. No hyperparameter was chosen by test items, and no result is left out
because it missed.
"""


class Row(NamedTuple):
    """A published value and ours."""

    shown: Shown
    value: Value
    found: Number | None
    """None if the experiment has not run."""
    tested: int
    formula: Number | None
    """What the source's own formula gives."""

    @property
    def digits(self) -> int:
        """Digits after the point of the published value."""
        return len(self.value.published.partition(".")[2])

    @property
    def signed(self) -> bool:
        """Whether the published value is a difference."""
        return self.value.published[0] in "+-"

    @property
    def gap(self) -> float:
        """Our mean minus the published value; NaN if it has not run."""
        value = None if self.found is None else self.found.value
        return math.nan if value is None else value - published(self.value)[0]

    @property
    def inside(self) -> bool | None:
        """Whether ours agrees with the published value; None if it has not run."""
        return None if self.found is None else agrees(self.found, self.value)


def run(spec: PageSpec, *, experiments: Path, out: Path, log: Log) -> None:
    """Write the page of the experiments that have run; it names the others, and says what they lack."""
    rows = {chapter.title: list(_rows(chapter, experiments)) for chapter in spec.chapters}
    with files.folder(out) as fresh:
        (fresh / PAGE).write_text(text(spec, rows), encoding="utf-8")
    every = [row for own in rows.values() for row in own]
    log({"reproduce/results": float(len(every)), "reproduce/inside": float(sum(row.inside is True for row in every))})


def _rows(chapter: Chapter, folder: Path) -> Iterator[Row]:
    for own in chapter.experiments:
        ran = (folder / own.folder / files.MANIFEST).is_file()
        found, tested = results.read(folder / own.folder) if ran else ({}, 0)  # or ran before a result was added
        for value in own.values:
            formula = found.get(value.formula) if value.formula else None
            yield Row(own, value, found.get(value.key), tested, formula)


def text(spec: PageSpec, rows: Mapping[str, list[Row]]) -> str:
    """Return the page."""
    every = [row for own in rows.values() for row in own]
    sources = {row.value.url: row.value.source for row in every}
    numbers = {url: place for place, url in enumerate(sources, 1)}
    parts = [HEAD.format(summary=_summary(every))]
    for chapter in spec.chapters:
        own = rows[chapter.title]
        parts += [f"## {chapter.title}\n", f"{chapter.about.strip()}\n", _table(own, numbers)]
        parts += (_list(lines) for lines in (_notes(own), _waiting(own)) if lines)
        if commands := list(dict.fromkeys(shown.get for shown in chapter.experiments if shown.get)):
            parts += ["To get the data:\n", "\n".join(["```", *commands, "```"]) + "\n"]
    parts += ["## Sources\n", _list([f"\\[{numbers[url]}\\] [{source}]({url})" for url, source in sources.items()])]
    return "\n".join(parts)


def _summary(rows: list[Row]) -> str:
    ran = [row for row in rows if row.found is not None]
    outside = [row for row in ran if not row.inside]
    close = sum(abs(row.gap) <= CLOSE for row in ran)
    waiting = f", and {len(rows) - len(ran)} have not run" if len(ran) < len(rows) else ""
    text = (
        f"{len(rows)} published results: {len(ran) - len(outside)} lie in our interval, {len(outside)} outside{waiting}. "
        f"{close} of our means differ from them by at most {number(CLOSE, 2)}."
    )
    if same := sum(row.formula is not None and agrees(row.formula, row.value) for row in outside):
        text += f" For {same} of those outside, the formula in the source's code, which is not ours, gives the published value."
    return text


def _table(rows: list[Row], numbers: Mapping[str, int]) -> str:
    columns = ["experiment", "result", "published", "ours", "difference", "*n*", "verdict"]
    formulas = any(row.value.formula for row in rows)
    columns += formulas * ["by the source's formula"]
    lines = [columns, ["---"] * len(columns)]
    for row in rows:
        written = number(published(row.value)[0], row.digits, signed=row.signed)
        cells = [row.shown.title, _words(row.value.key), f"{written} \\[{numbers[row.value.url]}\\]"]
        if row.found is None:
            cells += ["", "", "", "not run"]
        else:
            cells += [
                interval(row.found, row.digits, signed=row.signed),
                number(row.gap, row.digits, signed=True),
                f"{row.found.seeds} × {row.tested:,}",
                "inside" if row.inside else "outside",
            ]
        formula = interval(row.formula, row.digits, signed=row.signed) if row.formula is not None else ""
        lines.append(cells + formulas * [formula])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _notes(rows: list[Row]) -> list[str]:
    """Say what differs, once for all results of one key if it is the same for all of them."""
    notes: dict[str, list[Row]] = {}
    for row in rows:
        if row.value.differs:
            notes.setdefault(row.value.differs, []).append(row)
    lines = []
    for note, own in notes.items():
        keys = list(dict.fromkeys(row.value.key for row in own))
        titles = list(dict.fromkeys(row.shown.title for row in own))
        every = len(own) == sum(row.value.key in keys for row in rows)
        lines.append(f"{', '.join(_words(key) for key in keys) if every else '; '.join(titles)}: {note}")
    return lines


def _waiting(rows: list[Row]) -> list[str]:
    """Say how to run what has not run."""
    lines = []
    for name, own in {row.shown.name: row.shown for row in rows if row.found is None}.items():
        why = f"{own.path} is missing; get the data, then " if own.absent else ""
        lines.append(f"Not run: {own.title}: {why}`uv run snakemake reproduce_{name}`")
    return lines


def _words(key: str) -> str:
    return key.replace("_", " ")


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) + "\n"


def published(value: Value) -> tuple[float, float]:
    """Return a published value and half a unit of its last digit."""
    exact = Decimal(value.published)
    return float(exact), float(Decimal(5).scaleb(int(exact.as_tuple().exponent) - 1))


def agrees(found: Number, value: Value) -> bool:
    """Return whether a published value, up to its rounding, lies in an interval, or equals a number that has none."""
    exact, half = published(value)
    assert found.value is not None
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    return low - half <= exact <= high + half


def interval(found: Number, digits: int, *, signed: bool = False) -> str:
    """Format a mean with its interval."""
    assert found.value is not None
    value = number(found.value, digits, signed=signed)
    if found.low is None or found.high is None:
        return value
    return f"{value} [{number(found.low, digits, signed=signed)}, {number(found.high, digits, signed=signed)}]"


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """Format a share without the zero before its point."""
    written = f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}"  # + 0.0: no negative zero
    return written.replace("0.", ".", 1) if abs(value) < 1 else written
