"""The data set as prepared, and what the augmentation policies made of its training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from darkroom import files
from darkroom.report.intervals import Number
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, seconds
from darkroom.report.results import Results, timing
from darkroom.report.words import text

SHOWN = 50
"""Rows of a list of exclusions or duplicates on the page; the rest is in the file."""
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Listing:
    """The head of a CSV file beside the data."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    total: int
    file: str


@dataclass(frozen=True)
class Card:
    """The section's content."""

    images: int
    classes: list[str]
    splits: dict[str, int]
    size: str
    source: str
    facts: list[str]
    warnings: list[str]
    counts: Table
    listings: list[Listing]
    figures: list[Figure]


@dataclass(frozen=True)
class Policies:
    """The augmentation section: a table of the policies, and a contact sheet of each."""

    table: Table
    sheets: list[tuple[str, list[Figure]]]


def data_card(results: Results) -> Card:
    """The data card. Raises FileNotFoundError when the data was not prepared."""
    files.read_manifest(results.data)
    card: dict[str, Any] = files.read_json(results.data / "card.json")
    height, width, channels = card["shape"]
    splits = {split: sum(counts.get(split, 0) for counts in card["counts"].values()) for split in SPLITS}
    facts = []
    if card["excluded"]:
        facts.append(
            f"{text.plural(card['excluded'], 'image')} could not be used and {_was(card['excluded'])} left out"
        )
    if card["duplicates"]:
        groups = text.plural(card["duplicate_groups"], "group")
        facts.append(f"{text.plural(card['duplicates'], 'exact duplicate')}, in {groups}")
    facts += _near_duplicates(card.get("near_duplicates") or {})
    for key, number in sorted(card.get("left_out", {}).items()):
        facts.append(f"{text.plural(number, 'training image')} left out by data.split.{key}")
    if card.get("unlabelled"):
        facts.append(f"{text.plural(card['unlabelled'], 'image')} without a label")
    if card["masks"]:
        facts.append(f"{text.plural(card['masks'], 'image')} with a mask of the anomaly")
    return Card(
        images=card["images"],
        classes=card["classes"],
        splits=splits,
        size=f"{width} \N{MULTIPLICATION SIGN} {height} pixels, {'gray' if channels == 1 else 'RGB'}",
        source=str(card["source"].get("name", "")) if isinstance(card["source"], dict) else str(card["source"]),
        facts=facts,
        warnings=list(card["warnings"]),
        counts=_counts(card),
        listings=[
            *_listing(results, "excluded.csv", "Images left out"),
            *_listing(results, "duplicates.csv", "Duplicates"),
            *_listing(results, "near_duplicates.csv", "Near-duplicates"),
        ],
        figures=[
            *figure(results.data / "contact_sheet.png", "Examples of every class", "Examples of every class."),
            *figure(results.data / "class_counts.png", "Images of each class", "Images of each class, by split."),
            *figure(results.data / "mean_images.png", "The mean image of each class", "The mean image of each class."),
            *figure(
                results.data / "near_duplicates.png",
                "Groups of near-duplicates",
                "The largest groups of near-duplicates: a row shows one object.",
            ),
        ],
    )


def policies(results: Results) -> Policies | None:
    """None when no policy makes images."""
    rows, sheets = [], []
    for policy, folder in results.policies.items():
        items, times = pd.read_parquet(folder / "items.parquet"), timing(folder)
        parents = items["parent"].nunique() if "parent" in items else 0
        rows.append(
            Row(
                policy,
                [
                    Cell(text.count(len(items))),
                    Cell(text.count(parents)),
                    seconds(_measured(times, "seconds")),
                    cell(_measured(times, "images_per_second"), "compact"),
                    cell(_measured(times, "workers"), "compact"),
                ],
            )
        )
        alt = f"Images before and after the policy {policy}"
        caption = f"Policy {policy}: training images, and their transformed copies beside them."
        sheets.append((policy, figure(folder / "contact_sheet.png", alt, caption)))
    columns = ["Images made", "From training images", "Time", "Images a second", "Workers"]
    return Policies(Table("Policy", columns, rows), sheets) if rows else None


def _near_duplicates(found: dict[str, Any]) -> list[str]:
    if not found.get("pairs"):
        return []
    pairs, groups = text.plural(found["pairs"], "near-duplicate pair"), text.plural(found["groups"], "group")
    largest = found["largest"][0]["size"]
    needed = found["similarity_needed"]["50 %"]
    return [
        f"{pairs} (one object photographed twice), in {groups} of {text.plural(found['images'], 'image')}, the largest of "
        f"{largest}: a plain random split would tear {text.compact(found['torn_by_random_split'])} of the pairs apart, "
        f"this one tears {text.count(found['torn'])}",
        f"{found['rule'].rstrip('.')}; in the middle that takes a similarity of {text.compact(needed)}",
    ]


def _counts(card: dict[str, Any]) -> Table:
    rows = []
    for name in card["classes"]:
        counts = [int(card["counts"].get(name, {}).get(split, 0)) for split in SPLITS]
        cells = [Cell(text.count(n), tone="none" if n == 0 else "") for n in [*counts, sum(counts)]]
        rows.append(Row(str(name), cells))
    return Table("Class", ["Train", "Validation", "Test", "All"], rows)


def _listing(results: Results, name: str, title: str) -> list[Listing]:
    path = results.data / name
    # keep_default_na: a file that is called NA is not a missing value
    table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()
    if table.empty:
        return []
    rows = [[str(value) for value in row] for row in table.head(SHOWN).itertuples(index=False)]
    return [Listing(title, [str(c) for c in table.columns], rows, len(table), f"data/{results.name}/prepared/{name}")]


def _measured(times: dict[str, Any], key: str) -> Number:
    return Number(float(times[key])) if key in times else Number(reason="not recorded")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
