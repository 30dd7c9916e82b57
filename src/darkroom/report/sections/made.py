"""How the page was made: the options of every trained plug-in, and the config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.report.looks import Looks
from darkroom.report.parts.table import Cell, Row, Table
from darkroom.report.results import Method, Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say


@dataclass(frozen=True)
class Made:
    """The section's content: a table per kind of model, and the config by section."""

    name: str
    models: list[tuple[str, Table]]
    settings: dict[str, str]
    looks: Looks
    shown: int
    """Classifiers and detectors on the page."""


def read(results: Results) -> Made:
    """Read the options of every model from its own `model.json`."""
    kinds: dict[str, Sequence[Method]] = {
        "Classifiers": results.classifiers,
        "Generators": results.generators,
        "Detectors": results.detectors,
    }
    return Made(
        results.name,
        [(kind, _options(methods)) for kind, methods in kinds.items() if methods],
        {key: text.settings(value) for key, value in results.config.items() if isinstance(value, dict | list)},
        results.looks,
        len(results.classifiers) + len(results.detectors),
    )


def answer(found: Made) -> Answer:
    """Warn if configurations that the page no longer shows have been measured on the same test images."""
    if found.looks.configurations <= found.shown:
        return Answer()
    words = say(
        "<b>{}</b> of classifiers and detectors have been measured on these test images,",
        text.plural(found.looks.configurations, "configuration"),
    )
    words += say(" of which this page shows {}. The best of many test scores is optimistic:", text.count(found.shown))
    words += say(" choose by validation, or measure the choice on new images")
    words += say(" or on those of another <code>data.split.seed</code>.")
    return Answer(findings=[Finding("Test images", f"seen {found.looks.configurations} times", "note", words)])


SECTION = Section("made", "How this was made", read, answer, rank=9)


def _options(methods: Sequence[Method]) -> Table:
    rows = []
    for method in methods:
        plugin = dict(method.first.model.get("plugin", {}))
        seeds = ", ".join(str(run.seed) for run in method.runs)
        cells = [Cell(str(plugin.get("name", ""))), Cell(_listed(plugin) or "defaults"), Cell(seeds)]
        rows.append(Row(method.title, cells))
    return Table("Name in the config", ["Plug-in", "Options", "Seeds"], rows)


def _listed(plugin: dict[str, Any]) -> str:
    """List the options of a plug-in: `side 224, of padim (side 64), patchcore (side 64)`."""
    return ", ".join(f"{key} {_shown(value)}" for key, value in plugin.items() if key != "name")


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return f"{value['name']} ({_listed(value)})" if len(value) > 1 else str(value["name"])
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return ", ".join(map(_shown, value))
    return str(value)
