"""Show a detector's test images on the page, cut from the sheets that its evaluation left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.report.parts import strips
from darkroom.report.parts.pictures import Sheet
from darkroom.report.results import DetectorRuns
from darkroom.report.words import text

ABOUT = "examples.json"


@dataclass(frozen=True)
class ScoredImage:
    """One image: its panels, as (what it shows, view box in the sheet), and its caption."""

    rank: int
    id: str
    name: str
    score: str
    verdict: str
    right: bool
    flagged: bool
    sheet: str
    boxes: list[tuple[str, str]]


@dataclass(frozen=True)
class Strip:
    """Images ordered by score; `of` is their total number, shown or not."""

    examples: list[ScoredImage]
    sheets: list[Sheet]
    panels: list[str]
    of: int
    masked: bool
    small: bool

    @property
    def wrong(self) -> int:
        """The number of images shown whose verdict is wrong."""
        return sum(not example.right for example in self.examples)


@dataclass(frozen=True)
class Examples:
    """The images of one detector; `ranked` is a list of thumbnails, the strips are larger."""

    threshold: str
    colors: tuple[str, str] | None
    """The map values at which color sets in and saturates; None if the detector has no maps."""
    ranked: Strip | None
    highest: Strip | None
    misses: Strip | None
    false_alarms: Strip | None

    @property
    def strips(self) -> list[Strip]:
        """The strips that exist."""
        return [strip for strip in (self.ranked, self.highest, self.misses, self.false_alarms) if strip is not None]


def examples(detector: DetectorRuns, key: str, ranked: int) -> Examples | None:
    """Read the images of a detector's first seed; None if its evaluation left none. `ranked` limits the list of all."""
    folder = detector.first.evaluation_folder
    if not (folder / ABOUT).is_file():
        return None
    about: dict[str, Any] = files.read_json(folder / ABOUT)
    span = about["colors"]

    def strip(name: str, most: int | None = None) -> Strip | None:
        return _strip(about["strips"][name], folder, f"{key}-{name}", about["of"], most)

    return Examples(
        threshold=text.compact(about["threshold"]),
        colors=(text.compact(span["low"]), text.compact(span["high"])) if span else None,
        ranked=strip("ranked", ranked) if ranked else None,
        highest=None if ranked else strip("highest"),
        misses=strip("misses"),
        false_alarms=strip("false_alarms"),
    )


def _strip(about: dict[str, Any], folder: Path, key: str, of: int, most: int | None) -> Strip | None:
    items = about["items"][:most]
    if not items:
        return None
    sheets = strips.sheets(about, folder, key, images=len(about["items"]), shown=len(items))
    found = []
    for place, (item, cut) in enumerate(zip(items, strips.cuts(about, key, shown=len(items)), strict=True)):
        right = item["flagged"] == item["anomalous"]
        found.append(
            ScoredImage(
                rank=place + 1,
                id=item["id"],
                name=item["class"],
                score=text.compact(item["score"]),
                verdict=f"{'flagged' if item['flagged'] else 'passed'}, {'right' if right else 'wrong'}",
                right=right,
                flagged=item["flagged"],
                sheet=cut.sheet,
                boxes=cut.boxes,
            )
        )
    return Strip(
        found, sheets, about["panels"], of, any(item["masked"] for item in items), about["height"] < strips.SMALL
    )
