"""The data card: what the data set holds as prepared, and what to watch out for in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom import files
from darkroom.report.parts.clips import Clip, clips
from darkroom.report.parts.table import Cell, Figure, Row, Table, figure
from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

SHOWN = 50
"""Rows of a list of exclusions or duplicates on the page; the file has the rest."""
SPLITS = ("train", "val", "test")
NOUNS = {"class": "class", "labels": "label", "numbers": "number"}
EXAMPLES = {
    "class": ("Examples of every class", "The mean image of each class"),
    "labels": ("Examples with each label", "The mean image with each label"),
    "numbers": ("Examples by increasing {first}", "The mean image by increasing {first}"),
}
"""What the pictures of examples and means show, by kind of target."""
COUNTS = {
    "class_counts.png": ("{Many} per class", "{Many} per class and split."),
    "label_counts.png": ("{Many} with each label", "{Many} with each label, by split."),
    "label_pairs.png": (
        "Which labels come together",
        "Of the {many} with the label of a row, the share that also has the label of a column.",
    ),
    "numbers.png": ("Histograms of the numbers", "How the numbers are distributed, by split."),
}
SPECTROGRAMS = (
    "Spectrograms of recordings",
    "Recordings of each class: time from left to right, frequency from bottom to top, relative to each one's loudest value.",
)
TWINS = ("Groups of near-duplicates", "The largest groups of near-duplicates; each row shows one object.")


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

    items: int
    noun: str
    """What one item is called, such as `image`."""
    target: str
    """What is predicted: `10 classes`, `5 labels` or `2 numbers`."""
    joined: str
    """What joins images and target: `in` classes, `with` others."""
    splits: dict[str, int]
    size: str
    source: str
    facts: list[str]
    warnings: list[str]
    counts: Table
    heading: str
    """What the table of counts shows."""
    listings: list[Listing]
    figures: list[Figure]
    clips: list[Clip]


def read(results: Results) -> Card:
    """Read the data card. Raises FileNotFoundError if the data was not prepared."""
    files.read_manifest(results.data)
    card: dict[str, Any] = files.read_json(results.data / "card.json")
    kind, names = _target(card)
    many = _nouns(card)[1]
    summed = {split: sum(counts.get(split, 0) for counts in card["counts"].values()) for split in SPLITS}
    return Card(
        items=card["images"],
        noun=_nouns(card)[0],
        target=text.plural(len(names), NOUNS[kind]) if names else "no labels",
        joined="in" if kind == "class" and names else "with",
        splits=card.get("splits", summed),
        size=card["size"],
        source=str(card["source"].get("name", "")) if isinstance(card["source"], dict) else str(card["source"]),
        facts=_facts(card),
        warnings=list(card["warnings"]),
        counts=_numbers(card) if kind == "numbers" else _counts(card["counts"], names, kind),
        heading={
            "class": f"{many.capitalize()} per class and split",
            "labels": f"{many.capitalize()} with each label, by split",
            "numbers": f"The numbers of the training {many}",
        }[kind],
        listings=[
            *_excerpts(results.card, "examples.csv", "Examples of every class"),
            *_excerpts(results.card, "alike.csv", "Near-duplicates side by side"),
            *_listing(results, "excluded.csv", f"Excluded {many}"),
            *_listing(results, "duplicates.csv", "Duplicates"),
            *_listing(results, "near_duplicates.csv", "Near-duplicates"),
        ],
        figures=_figures(results.card, kind, names, many) if results.card else [],
        clips=clips(results.card) if results.card else [],
    )


def answer(card: Card) -> Answer:
    """Head the page if no model does, and repeat the warnings."""
    counts = text.plural(card.items, card.noun), card.joined, card.target
    warnings = [Finding("Data", "warning", "bad", say("{}", warning)) for warning in card.warnings]
    return Answer(say("<b>{}</b> {} {}", *counts), say("The config asks for no model of them."), findings=warnings)


def _target(card: dict[str, Any]) -> tuple[str, list[str]]:
    """Return what is predicted, `class`, `labels` or `numbers`, and the names."""
    target = card.get("target", {"kind": "class", "names": card["classes"]})
    return target["kind"], target["names"]


def _figures(folder: Path, kind: str, names: list[str], many: str) -> list[Figure]:
    examples, means = (words.format(first=next(iter(names), "")) for words in EXAMPLES[kind])
    known = {
        "contact_sheet.png": (examples, f"{examples}."),
        "spectrograms.png": SPECTROGRAMS,
        **{
            name: tuple(words.format(many=many, Many=many.capitalize()) for words in both)
            for name, both in COUNTS.items()
        },
        "mean_images.png": (means, f"{means}."),
        "near_duplicates.png": TWINS,
    }
    return [shown for name, about in known.items() for shown in figure(folder / name, *about)]


SECTION = Section("data", "Data", read, answer, rank=9)


def _nouns(card: dict[str, Any]) -> tuple[str, str]:
    """Return what one item and several items are called."""
    one, many = card.get("nouns", ("image", "images"))
    return one, many


def _facts(card: dict[str, Any]) -> list[str]:
    facts, one = [], _nouns(card)[0]
    if card["excluded"]:
        facts.append(f"{text.plural(card['excluded'], 'file')} could not be used and {_was(card['excluded'])} left out")
    if card["duplicates"]:
        groups = text.plural(card["duplicate_groups"], "group")
        facts.append(f"{text.plural(card['duplicates'], 'exact duplicate')} in {groups}")
    facts += _near_duplicates(card.get("near_duplicates") or {}, one)
    for key, number in sorted(card.get("left_out", {}).items()):
        facts.append(f"{text.plural(number, f'training {one}')} left out by data.split.{key}")
    changed = card.get("corrected") or {}
    if any(changed.values()):
        facts.append(
            f"{text.plural(changed['relabeled'], 'label')} corrected and {text.plural(changed['dropped'], one)} dropped by "
            "data.corrections"
        )
    facts += _budget(card.get("labels"), one)
    if card.get("unlabeled"):
        missing = "label" if "target" not in card else "target"
        facts.append(f"{text.plural(card['unlabeled'], one)} without a {missing}")
    if card["masks"]:
        facts.append(f"{text.plural(card['masks'], 'image')} with a mask of the anomaly")
    return [*facts, *(f"{note[:1].upper()}{note[1:]}".rstrip(".") for note in card.get("notes", []))]


def _budget(found: dict[str, Any] | None, one: str) -> list[str]:
    if found is None:
        return []
    known, hidden = sum(found["labeled"].values()), sum(found["hidden"].values())
    few, many = min(found["labeled"].values()), max(found["labeled"].values())
    each = f"{few} per class" if few == many else f"{few} to {many} per class"
    return [
        f"data.labels: {text.plural(known, f'training {one}')} with a label, {each}; the labels of {text.count(hidden)} others "
        "are hidden and used for nothing but comparisons"
    ]


def _near_duplicates(found: dict[str, Any], one: str) -> list[str]:
    if not found.get("pairs"):
        return []
    pairs, groups = text.plural(found["pairs"], "near-duplicate pair"), text.plural(found["groups"], "group")
    largest = found["largest"][0]["size"]
    needed = found["similarity_needed"]["50 %"]
    twice = " (one object photographed twice)" if one == "image" else ""
    return [
        f"{pairs}{twice}, in {groups} of {text.plural(found['images'], one)}, the largest of "
        f"{largest}: a plain random split would separate {text.compact(found['torn_by_random_split'])} of the pairs, "
        f"this one separates {text.count(found['torn'])}",
        f"{found['rule'].rstrip('.')}; the median similarity that this requires is {text.compact(needed)}",
    ]


def _counts(known: dict[str, dict[str, int]], names: list[str], kind: str) -> Table:
    rows = []
    for name in names:
        counts = [int(known.get(name, {}).get(split, 0)) for split in SPLITS]
        cells = [Cell(text.count(n), tone="none" if n == 0 else "") for n in [*counts, sum(counts)]]
        rows.append(Row(str(name), cells))
    return Table("Class" if kind == "class" else "Label", ["Train", "Validation", "Test", "All"], rows)


def _numbers(card: dict[str, Any]) -> Table:
    keys = ("mean", "std", "min", "median", "max")
    rows = []
    for name in card["target"]["names"]:
        spread = card["numbers"][name]["train"] or {}
        rows.append(Row(str(name), [Cell(text.compact(spread[key]) if spread else "") for key in keys]))
    return Table("Number", ["Mean", "Standard deviation", "Minimum", "Median", "Maximum"], rows)


def _excerpts(folder: Path | None, name: str, title: str) -> list[Listing]:
    """Return what the data card says of texts; nothing for samples of other kinds."""
    if folder is None or not (folder / name).is_file():
        return []
    table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
    rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
    return [Listing(title, [str(c) for c in table.columns], rows, len(table), "")]


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
