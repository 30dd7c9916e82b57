"""Labels: those that are probably wrong, each beside its nearest images, and a form that makes the corrections' file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.measure.intervals import Difference, paired
from darkroom.report.parts import strips
from darkroom.report.parts.pictures import Sheet
from darkroom.report.parts.table import Cell, Table, rows
from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.text import say

ABOUT = "labels.json"
MOST_PAIRS = 20
"""Rows of the table of confused labels."""
OFFERED = 50
"""Classes up to this number can all be chosen on the page."""


@dataclass(frozen=True)
class Suspect:
    """One image with its panels, as (what they show, view box in the sheet), and what speaks against its label."""

    sheet: str
    boxes: list[tuple[str, str]]
    id: str
    split: str
    given: str
    suggested: str
    wrong: str
    judged: str
    voted: str
    twins: str


@dataclass(frozen=True)
class Corrections:
    """The form that makes the table; `data` is what its script needs, as JSON."""

    data: str


@dataclass(frozen=True)
class Effect:
    """The change of accuracy by training on corrected labels, measured on some labels of the test images."""

    on: str
    change: Difference
    images: int

    @property
    def words(self) -> str:
        """The change with its interval."""
        return text.points(self.change)


@dataclass(frozen=True)
class Suspects:
    """The section's content."""

    suspects: list[Suspect]
    found: int
    images: int
    twins: int
    folds: int
    agreed: str
    """Percentage of the labels that are the most probable class by the judges."""
    estimated: int
    pairs: Table | None
    sheets: list[Sheet]
    small: bool
    classes: list[str]
    """Offered as corrections besides the suggested one; none if there are too many."""
    effects: list[Effect]
    corrections: Corrections | None
    """None without suspects."""
    file: str


def read(results: Results) -> Suspects | None:
    """Read the search; None if there is none."""
    if results.labels is None:
        return None
    about: dict[str, Any] = files.read_json(results.labels / ABOUT)
    strip, shown = about["strip"], about["shown"]
    count = len(shown)
    cuts = strips.cuts(strip, "suspects", shown=count) if strip else iter(())
    return Suspects(
        suspects=[
            Suspect(
                sheet=cut.sheet,
                boxes=[(title, box) for title, (_, box) in zip(_panels(one), cut.boxes, strict=True)],
                id=one["id"],
                split=one["split"],
                given=one["given"],
                suggested=one["suggested"],
                wrong=text.percent(one["score"]),
                judged=_both(one, "p"),
                voted=_both(one, "votes"),
                twins=one["twins"],
            )
            for one, cut in zip(shown, cuts, strict=True)
        ],
        found=about["suspects"],
        images=about["images"],
        twins=about["twins"],
        folds=about["folds"],
        agreed=text.percent(about["agreed"]),
        estimated=round(sum(n for i, line in enumerate(about["estimated"]) for j, n in enumerate(line) if i != j)),
        pairs=_pairs(about["estimated"], about["classes"]),
        sheets=strips.sheets(strip, results.labels, "suspects", images=count, shown=count) if strip else [],
        small=bool(strip) and strip["height"] < strips.SMALL,
        classes=about["classes"] if len(about["classes"]) <= OFFERED else [],
        effects=_effects(results),
        corrections=Corrections(json.dumps({"ids": [one["id"] for one in shown]}, ensure_ascii=False))
        if shown
        else None,
        file=f"{results.labels.as_posix()}/suspects.csv",
    )


def answer(content: Suspects) -> Answer:
    """Say how many labels are probably wrong."""
    share = text.share(content.found / max(content.images, 1))
    words = say(
        "<b>{}</b> of {} are suspects ({})", text.count(content.found), text.plural(content.images, "label"), share
    )
    words += say(
        ", by judges that agree with {}% of the labels; look through them, the most suspicious first, in "
        "<a href='#suspects'>Labels</a>.",
        content.agreed,
    )
    if not content.found:
        words = say("None of {} is a suspect.", text.plural(content.images, "label"))
    found = [Finding("Labels", "suspects" if content.found else "clean", "note", words)]
    for one in content.effects:
        judged = "Training on corrected labels changes the judges' accuracy on {} by {}."
        sentence = say(judged, one.on, text.points(one.change))
        found.append(Finding("Corrected labels", *verdict(one.change), sentence))
    return Answer(findings=found)


SECTION = Section("suspects", "Labels", read, answer, rank=6)


def _effects(results: Results) -> list[Effect]:
    """Compare training on corrected labels with that on given ones, on either labels of the test images."""
    if results.corrected is None:
        return []
    table = pd.read_parquet(results.corrected / "predictions.parquet")
    seeds = [str(name).removeprefix("after_") for name in table if str(name).startswith("after_")]
    found = []
    for column, on in (("given", "test labels as they were"), ("corrected", "corrected test labels")):
        known = table[table[column] >= 0]
        label = known[column].to_numpy()
        gains = [
            (known[f"after_{seed}"].to_numpy() == label).astype(np.float64)
            - (known[f"before_{seed}"].to_numpy() == label)
            for seed in seeds
        ]
        if len(known):
            found.append(Effect(on, paired(gains), len(known)))
    return found


def _panels(one: dict[str, Any]) -> list[str]:
    return [
        one["id"],
        f"the most similar image labeled {one['given']}",
        f"the most similar image labeled {one['suggested']}",
    ]


def _both(one: dict[str, Any], key: str) -> str:
    return f"{text.percent(one[f'{key}_given'])}% {text.THIN}→ {text.percent(one[f'{key}_suggested'])}%"


def _pairs(estimated: list[list[float]], classes: list[str]) -> Table | None:
    """Tabulate which labels are estimated to be which class, most images first."""
    found = [(n, i, j) for i, line in enumerate(estimated) for j, n in enumerate(line) if i != j and round(n)]
    if not found:
        return None
    found.sort(key=lambda one: -one[0])
    titles = [classes[i] for _, i, _ in found[:MOST_PAIRS]]
    lines = [
        [Cell(classes[j]), Cell(text.count(round(n))), Cell(text.count(round(sum(estimated[i]))))]
        for n, i, j in found[:MOST_PAIRS]
    ]
    return Table("Label", ["Probably", "Images", "Of images with the label"], rows(titles, lines))
