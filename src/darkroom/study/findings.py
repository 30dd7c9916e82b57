"""What an experiment hands to its page: numbers for its sentences, figures and tables.

Numbers keep their interval, so that a page can state it and choose its words by it:

    Findings(
        numbers={"accuracy": mean(accuracies), "gain": gain(with_dropout, without)},
        figures={"curves": Figure(drawn, alt="Validation loss by epoch; ...")},
    )
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.animation import Animation, PillowWriter
from matplotlib.figure import Figure as Drawing

from darkroom import files
from darkroom.measure.intervals import BOUNDS, Difference, Number
from darkroom.measure.seeds import t_interval

FINDINGS = "findings.json"
KINDS = {"number": Number, "difference": Difference}
SHARES, AMOUNTS = (0.0, 1.0), (0.0, math.inf)
"""Bounds of averages: of shares, and of what cannot be negative, such as a loss."""
FRAMES = 12
"""Frames per second of an animation."""


@dataclass(frozen=True)
class Figure:
    """A drawing with its alternative text, which says what it shows to readers who cannot see it."""

    drawing: Drawing
    alt: str
    animation: Animation | None = None
    """The same in motion; the page offers it below the drawing."""


@dataclass(frozen=True)
class Table:
    """Rows by title under columns, each with the style of its numbers.

    A style is `percent`, `decimal`, `compact` or `count` for numbers (plain, or with their interval) and for differences,
    or `text`. None is a dash.
    """

    first: str
    """Heading of the row titles."""
    columns: Mapping[str, str]
    """Style by heading."""
    rows: Mapping[str, Sequence[Number | Difference | float | str | None]]


@dataclass(frozen=True)
class Findings:
    """Results of a study. Numbers are scalars, text, `Number`, `Difference`, or dicts and lists of these."""

    numbers: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


def mean(values: Sequence[float], bounds: tuple[float, float] = BOUNDS) -> Number:
    """Average over seeds with a 95 % t-interval, cut off at `bounds`. Raises ValueError for fewer than two values."""
    value, low, high = t_interval(values)
    return Number(value, max(bounds[0], low), min(bounds[1], high), seeds=len(values))


def gain(after: Sequence[float], before: Sequence[float]) -> Difference:
    """Average the differences of two methods over paired seeds, with a 95 % t-interval.

    Both lists have one value per seed, in the same order. Raises ValueError for lists of unequal lengths, and for fewer
    than two seeds.
    """
    value, low, high = t_interval([a - b for a, b in zip(after, before, strict=True)])
    return Difference(value, low, high, len(after))


def write(
    findings: Findings, settings: Mapping[str, Any], out: Path, *, constants: Mapping[str, Any] | None = None
) -> None:
    """Write `findings.json` and the figures as SVG, and animations as GIF, into a folder.

    `settings` are the study's own, `constants` those of its modules.
    """
    figures = {name: _saved(name, figure, out) for name, figure in findings.figures.items()}
    tables = {
        name: {"first": t.first, "columns": [*t.columns], "styles": [*t.columns.values()], "rows": _plain(t.rows)}
        for name, t in findings.tables.items()
    }
    # JSON sorts keys, and a table's rows have an order
    for table in tables.values():
        table["rows"] = [[title, cells] for title, cells in table["rows"].items()]
    content = {
        "settings": settings,
        "constants": constants or {},
        "numbers": _plain(findings.numbers),
        "figures": figures,
        "tables": tables,
    }
    files.write_json(out / FINDINGS, content)


def read(folder: Path) -> dict[str, Any]:
    """Read `findings.json` with its numbers and differences. Raises FileNotFoundError if the study has not run."""
    found: dict[str, Any] = _revived(files.read_json(folder / FINDINGS))
    return found


def metrics(numbers: Mapping[str, Any], prefix: str = "study") -> Iterator[tuple[str, float]]:
    """Yield what tracking can record, with the keys of nested numbers joined by slashes."""
    for key, value in numbers.items():
        name = f"{prefix}/{key}"
        if isinstance(value, Mapping):
            yield from metrics(value, name)
        elif isinstance(value, Number | Difference):
            yield from ((name, value.value),) if value.value is not None else ()
        elif isinstance(value, int | float):
            yield name, float(value)


def _saved(name: str, figure: Figure, out: Path) -> dict[str, Any]:
    width, height = figure.drawing.get_size_inches()
    about: dict[str, Any] = {"alt": figure.alt, "width": round(96 * width), "height": round(96 * height)}
    with matplotlib.rc_context({"svg.hashsalt": "darkroom"}):  # the same ids in every run
        text = io.StringIO()
        figure.drawing.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    (out / f"{name}.svg").write_text(text.getvalue(), encoding="utf-8")
    if figure.animation is not None:
        figure.animation.save(out / f"{name}.gif", writer=PillowWriter(fps=FRAMES))
        about["animation"] = f"{name}.gif"
    return {**about, "file": f"{name}.svg"}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Number | Difference):
        kind = next(name for name, of in KINDS.items() if isinstance(value, of))
        return {"kind": kind, **asdict(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | bool | int | float | None):
        return value
    if hasattr(value, "item"):  # a scalar of NumPy or PyTorch
        return value.item()
    raise TypeError(f"findings hold numbers, text, lists and dicts, not {type(value).__name__}")


def _revived(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("kind") in KINDS:
            return KINDS[value["kind"]](**{key: item for key, item in value.items() if key != "kind"})
        return {key: _revived(item) for key, item in value.items()}
    return [_revived(item) for item in value] if isinstance(value, list) else value
