"""The augmentation policies: the copies they made of the training images, and the gallery of all techniques."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.measure.negation import negations
from darkroom.report.parts.table import Figure, Row, Table, cell, figure, seconds
from darkroom.report.results import Results, timing
from darkroom.report.section import Section
from darkroom.report.words import text
from darkroom.report.words.differences import marked

EXAMPLES = 6
"""Copies shown beside their originals, with and without other negations."""


@dataclass(frozen=True)
class Sheet:
    """A policy's contact sheet or examples, with its settings."""

    policy: str
    figures: list[Figure]
    settings: str
    texts: Texts | None = None


@dataclass(frozen=True)
class Texts:
    """What a policy made of texts: examples beside their originals, and the negations that it touched."""

    examples: list[tuple[Markup, Markup, str]]
    """The original and the copy, with their differences marked, and the names of the transforms; copies with other negations
    first."""
    negated: int
    """Copies that have another number of negations than their original."""
    changed: int
    """Copies that differ from their original."""


@dataclass(frozen=True)
class Policies:
    """The section's content; `table` has no rows if no policy makes copies."""

    table: Table
    sheets: list[Sheet]
    gallery: bool
    """Whether there is a page with every technique."""


def read(results: Results) -> Policies | None:
    """Read what each policy made; None if there are neither copies nor a gallery."""
    rows, sheets = [], []
    for policy, folder in results.policies.items():
        items, times = pd.read_parquet(folder / "items.parquet"), timing(folder)
        counts = Number(len(items)), Number(items["parent"].nunique() if "parent" in items else 0)
        line = [cell(count, "count") for count in counts]
        line.append(seconds(_measured(times, "seconds")))
        line += [cell(_measured(times, key), "compact") for key in ("images_per_second", "workers")]
        rows.append(Row(policy, line))
        alt = f"Images before and after the policy {policy}"
        caption = f"Policy {policy}: training images, each followed by its transformed copies."
        settings = results.policy_settings.get(policy)
        shown = text.settings({policy: settings}) if settings is not None else ""
        drawn = results.sheets.get(policy)
        pictures = figure(drawn / "contact_sheet.png", alt, caption) if drawn else []
        sheets.append(Sheet(policy, pictures, shown, _texts(results, items)))
    columns = ["Copies", "Originals", "Time", "Copies per second", "Workers"]
    table = Table("Policy", columns, rows)
    return Policies(table, sheets, results.gallery is not None) if rows or results.gallery else None


SECTION = Section("augment", "Augment", read)


def _texts(results: Results, copies: pd.DataFrame) -> Texts | None:
    """Return examples of the copies of texts; None for samples of other kinds."""
    if "text" not in copies:
        return None
    originals = pd.read_parquet(results.data / "items.parquet", columns=["id", "text"]).set_index("id")["text"]
    table = pd.DataFrame({"before": originals[copies["parent"]].to_numpy(), "after": copies["text"].to_numpy()})
    table["how"] = [", ".join(step["name"] for step in json.loads(steps)) for steps in copies["transforms"]]
    table = table[table["how"] != ""]
    negated = table["before"].map(negations) != table["after"].map(negations)
    rows = []
    for some in (table[negated], table[~negated]):
        rows += [some.iloc[len(some) * place // min(EXAMPLES, len(some))] for place in range(min(EXAMPLES, len(some)))]
    examples = [(*marked(row["before"], row["after"]), str(row["how"])) for row in rows]
    return Texts(examples, int(negated.sum()), len(table))


def _measured(times: dict[str, Any], key: str) -> Number:
    return Number(float(times[key])) if key in times else Number(reason="not recorded")
