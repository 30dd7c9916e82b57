"""The augmentation policies: the copies they made of the training images, and the gallery of all techniques."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from darkroom.measure.intervals import Number
from darkroom.report.parts.table import Figure, Row, Table, cell, figure, seconds
from darkroom.report.results import Results, timing
from darkroom.report.section import Section
from darkroom.report.words import text


@dataclass(frozen=True)
class Sheet:
    """A policy's contact sheet, with its settings."""

    policy: str
    figures: list[Figure]
    settings: str


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
        sheets.append(Sheet(policy, pictures, shown))
    columns = ["Copies", "Original images", "Time", "Images per second", "Workers"]
    table = Table("Policy", columns, rows)
    return Policies(table, sheets, results.gallery is not None) if rows or results.gallery else None


SECTION = Section("augment", "Augment", read)


def _measured(times: dict[str, Any], key: str) -> Number:
    return Number(float(times[key])) if key in times else Number(reason="not recorded")
