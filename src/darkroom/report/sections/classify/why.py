"""Why models err: their mistakes with maps of what they look at, what predicts mistakes, and the embedding map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.report.parts import strips
from darkroom.report.parts.pictures import Sheet
from darkroom.report.parts.plane import EmbeddingMap, embedding_map, label_map, number_map
from darkroom.report.parts.table import Table
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.sections.classify import risks
from darkroom.report.sections.classify.examples import READINGS, Caption, Reading
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words.finding import Finding

ABOUT = "explanation.json"
MAPS = 4
"""Numbers with a map of their own."""


@dataclass(frozen=True)
class PredictedImage:
    """One test image: its panels, as (what they show, view box in the sheet), and what was predicted."""

    sheet: str
    boxes: list[tuple[str, str]]
    id: str
    caption: Caption


@dataclass(frozen=True)
class Strip:
    """Images of one kind."""

    title: str
    about: str
    examples: list[PredictedImage]
    sheets: list[Sheet]
    small: bool


@dataclass(frozen=True)
class Explanation:
    """Why one model errs; `how` names the method of its maps, `mistakes` counts images, None for numbers."""

    title: str
    mistakes: int | None
    how: str
    strips: list[Strip]
    pairs: list[Strip]
    tested_pairs: int
    tests: int
    conditions: Table | None
    found: list[dict[str, Any]]
    maps: list[EmbeddingMap]


@dataclass(frozen=True)
class Why:
    """The subsection's content, the best model first; `points` is what all maps share, as JSON for the script."""

    explanations: list[Explanation]
    target: str
    names: list[str]
    images: int
    tested: int
    shortcuts: Table | None
    found: list[dict[str, Any]]
    thumbnails: list[Sheet]
    points: str


def subsection(ranked: Sequence[ClassifierRuns], results: Results) -> Why | None:
    """Read the explanation of the models, which are best first; None if there is none."""
    folder = results.explanation
    if folder is None:
        return None
    about: dict[str, Any] = files.read_json(folder / ABOUT)
    known = {(one["policy"], one["model"]): one for one in about["classifiers"]}
    explanations = [_explanation(c, known[c.keys], about, folder) for c in ranked if c.keys in known]
    points, names = about["points"], about["names"]
    count = len(points["ids"])
    shown = any(one.maps for one in explanations)
    shared = {key: points[key] for key in ("ids", "columns", "rows", "width", "height")} | {"key": "map"}
    if about["target"] == "class":
        shared |= {"labels": points["truth"], "classes": names}
    return Why(
        explanations,
        about["target"],
        names,
        about["images"],
        about["conditions"],
        risks.shortcuts_table(about["shortcuts"], about["target"], names),
        about["shortcuts"],
        strips.sheets(points, folder, "map", images=count, shown=count) if shown else [],
        json.dumps(shared, separators=(",", ":"), ensure_ascii=False),
    )


def findings(why: Why | None, best: ClassifierRuns) -> Iterator[Finding]:
    """Warn of shortcuts, and say where the best model errs more."""
    if why is None:
        return
    yield from risks.shortcut_findings(why.found, why.target, why.names)
    for one in why.explanations:
        if one.title == best.title:
            yield from risks.condition_findings(one.found, titled(best), why.target, why.names)


def _explanation(classifier: ClassifierRuns, one: dict[str, Any], about: dict[str, Any], folder: Path) -> Explanation:
    within, key, names = folder / one["folder"], f"why-{one['folder']}", about["names"]
    reading = READINGS[about["target"]]
    return Explanation(
        classifier.title,
        one["mistakes"],
        {"grad_cam": "Grad-CAM", "attention_rollout": "attention rollout"}.get(one["saliency"], ""),
        [
            _strip(one["strips"][name], within, f"{key}-{name}", names, reading, words)
            for name, words in reading.strips(one, names).items()
        ],
        [
            _strip(pair, within, f"{key}-pair-{number}", names, reading, reading.pair(pair, names))
            for number, pair in enumerate(one["pairs"])
        ],
        one["tested_pairs"],
        one["tests"],
        risks.conditions_table(one["conditions"], about["target"], names),
        one["conditions"],
        _maps(classifier.title, one["map"], about) if one["map"] else [],
    )


def _maps(title: str, mapped: dict[str, Any], about: dict[str, Any]) -> list[EmbeddingMap]:
    """Draw the map of a model; one for each of the first numbers that it predicts."""
    truth, names, images = about["points"]["truth"], about["names"], about["images"]
    if about["target"] == "class":
        return [embedding_map(title, mapped, truth, names, images)]
    if about["target"] == "labels":
        return [label_map(title, mapped, truth, names, images)]
    return [number_map(title, mapped, truth, name, m, images) for m, name in enumerate(names[:MAPS])]


def _strip(
    one: dict[str, Any], folder: Path, key: str, names: Sequence[str], reading: Reading, words: tuple[str, str]
) -> Strip:
    count = len(one["items"])
    examples = [
        PredictedImage(cut.sheet, cut.boxes, item["id"], reading.caption(item, names))
        for item, cut in zip(one["items"], strips.cuts(one, key, shown=count), strict=True)
    ]
    sheets = strips.sheets(one, folder, key, images=count, shown=count)
    return Strip(*words, examples, sheets, one["height"] < strips.SMALL)
