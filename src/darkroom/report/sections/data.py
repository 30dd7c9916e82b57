"""The data card: what the data set holds as prepared, and what to watch out for in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom import files
from darkroom.report.parts.table import Cell, Figure, Row, Table, figure
from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

SHOWN = 50
"""Rows of a list of exclusions or duplicates on the page; the file has the rest."""
SPLITS = ("train", "val", "test")
FIGURES = {
    "contact_sheet.png": ("Examples of every class", "Examples of every class."),
    "class_counts.png": ("Images per class", "Images per class and split."),
    "mean_images.png": ("The mean image of each class", "The mean image of each class."),
    "near_duplicates.png": (
        "Groups of near-duplicates",
        "The largest groups of near-duplicates; each row shows one object.",
    ),
}


@dataclass(frozen=True)
class Listing:
    """The first rows of a CSV file beside the data."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    total: int
    file: str


@dataclass(frozen=True)
class Card:
    """The section's content. Facts and notes are neutral; warnings call for action and lead the page, too."""

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


def read(results: Results) -> Card:
    """Read the data card. Raises FileNotFoundError if the data was not prepared."""
    files.read_manifest(results.data)
    card: dict[str, Any] = files.read_json(results.data / "card.json")
    height, width, channels = card["shape"]
    return Card(
        images=card["images"],
        classes=card["classes"],
        splits={split: sum(counts.get(split, 0) for counts in card["counts"].values()) for split in SPLITS},
        size=f"{width} \N{MULTIPLICATION SIGN} {height} pixels, {'grayscale' if channels == 1 else 'RGB'}",
        source=str(card["source"].get("name", "")) if isinstance(card["source"], dict) else str(card["source"]),
        facts=_facts(card),
        warnings=list(card["warnings"]),
        counts=_counts(card),
        listings=[
            *_listing(results, "excluded.csv", "Excluded images"),
            *_listing(results, "duplicates.csv", "Duplicates"),
            *_listing(results, "near_duplicates.csv", "Near-duplicates"),
        ],
        figures=_figures(results.card) if results.card else [],
    )


def answer(card: Card) -> Answer:
    """Head the page if no model does, and repeat the warnings."""
    counts = text.plural(card.images, "image"), text.plural(len(card.classes), "class")
    warnings = [Finding("Data", "warning", "bad", say("{}", warning)) for warning in card.warnings]
    return Answer(say("<b>{}</b> in {}", *counts), say("No model was trained on them."), findings=warnings)


def _figures(folder: Path) -> list[Figure]:
    return [shown for name, about in FIGURES.items() for shown in figure(folder / name, *about)]


SECTION = Section("data", "Data", read, answer, rank=9)


def _facts(card: dict[str, Any]) -> list[str]:
    facts = []
    if card["excluded"]:
        facts.append(f"{text.plural(card['excluded'], 'file')} could not be used and {_was(card['excluded'])} left out")
    if card["duplicates"]:
        groups = text.plural(card["duplicate_groups"], "group")
        facts.append(f"{text.plural(card['duplicates'], 'exact duplicate')} in {groups}")
    facts += _near_duplicates(card.get("near_duplicates") or {})
    for key, number in sorted(card.get("left_out", {}).items()):
        facts.append(f"{text.plural(number, 'training image')} left out by data.split.{key}")
    if card.get("unlabelled"):
        facts.append(f"{text.plural(card['unlabelled'], 'image')} without a label")
    if card["masks"]:
        facts.append(f"{text.plural(card['masks'], 'image')} with a mask of the anomaly")
    return [*facts, *(f"{note[:1].upper()}{note[1:]}".rstrip(".") for note in card.get("notes", []))]


def _near_duplicates(found: dict[str, Any]) -> list[str]:
    if not found.get("pairs"):
        return []
    pairs, groups = text.plural(found["pairs"], "near-duplicate pair"), text.plural(found["groups"], "group")
    largest = found["largest"][0]["size"]
    needed = found["similarity_needed"]["50 %"]
    return [
        f"{pairs} (one object photographed twice), in {groups} of {text.plural(found['images'], 'image')}, the largest of "
        f"{largest}: a plain random split would separate {text.compact(found['torn_by_random_split'])} of the pairs, "
        f"this one separates {text.count(found['torn'])}",
        f"{found['rule'].rstrip('.')}; the median similarity that this requires is {text.compact(needed)}",
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
    # keep_default_na: a file named NA is not a missing value
    table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()
    if table.empty:
        return []
    rows = [[str(value) for value in row] for row in table.head(SHOWN).itertuples(index=False)]
    return [Listing(title, [str(c) for c in table.columns], rows, len(table), f"data/{results.name}/prepared/{name}")]


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
