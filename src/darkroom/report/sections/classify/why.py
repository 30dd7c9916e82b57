"""Why classifiers err: their mistakes with maps of what they look at, what predicts mistakes, and the embedding map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.report.parts import strips
from darkroom.report.parts.pictures import Sheet
from darkroom.report.parts.plane import EmbeddingMap, embedding_map
from darkroom.report.parts.table import Table
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.sections.classify import risks
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.finding import Finding

ABOUT = "explanation.json"
STRIPS = {
    "highest_loss": ("Highest loss", "Their labels got the lowest probabilities: look here for wrong labels."),
    "confident_mistakes": ("Most confident mistakes", "Wrong answers of the highest confidence."),
    "unsure_right": ("Least certain right answers", "Right answers of the lowest confidence."),
}


@dataclass(frozen=True)
class PredictedImage:
    """One test image: its panels, as (what they show, view box in the sheet), and what was predicted."""

    sheet: str
    boxes: list[tuple[str, str]]
    id: str
    label: str
    answer: str
    rival: str
    right: bool


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
    """Why one classifier errs; `how` names the method of its maps."""

    title: str
    mistakes: int
    how: str
    strips: list[Strip]
    pairs: list[Strip]
    conditions: Table | None
    found: list[dict[str, Any]]
    map: EmbeddingMap | None


@dataclass(frozen=True)
class Why:
    """The subsection's content, the best classifier first; `points` is what all maps share, as JSON for the script."""

    explanations: list[Explanation]
    images: int
    tested: int
    shortcuts: Table | None
    found: list[dict[str, Any]]
    thumbnails: list[Sheet]
    points: str


def subsection(ranked: Sequence[ClassifierRuns], results: Results) -> Why | None:
    """Read the explanation of the classifiers, which are best first; None if there is none."""
    folder = results.explanation
    if folder is None:
        return None
    about: dict[str, Any] = files.read_json(folder / ABOUT)
    known = {(one["policy"], one["model"]): one for one in about["classifiers"]}
    explanations = [_explanation(c, known[c.keys], about, folder) for c in ranked if c.keys in known]
    points = about["points"]
    count = len(points["ids"])
    shown = any(one.map for one in explanations)
    shared = {key: points[key] for key in ("ids", "labels", "columns", "rows", "width", "height")}
    return Why(
        explanations,
        about["images"],
        about["conditions"],
        risks.shortcuts_table(about["shortcuts"]),
        about["shortcuts"],
        strips.sheets(points, folder, "map", images=count, shown=count) if shown else [],
        json.dumps({**shared, "classes": about["classes"], "key": "map"}, separators=(",", ":"), ensure_ascii=False),
    )


def findings(why: Why | None, best: ClassifierRuns) -> Iterator[Finding]:
    """Warn of shortcuts, and say where the best classifier errs more often."""
    if why is None:
        return
    yield from risks.shortcut_findings(why.found)
    for one in why.explanations:
        if one.title == best.title:
            yield from risks.condition_findings(one.found, titled(best))


def _explanation(classifier: ClassifierRuns, one: dict[str, Any], about: dict[str, Any], folder: Path) -> Explanation:
    within, key, classes = folder / one["folder"], f"why-{one['folder']}", about["classes"]
    return Explanation(
        classifier.title,
        one["mistakes"],
        {"grad_cam": "Grad-CAM", "attention_rollout": "attention rollout"}.get(one["saliency"], ""),
        [
            _strip(one["strips"][name], within, f"{key}-{name}", classes, *words)
            for name, words in _titles(one["strips"], one["mistakes"]).items()
        ],
        [
            _strip(
                pair,
                within,
                f"{key}-pair-{number}",
                classes,
                f"{classes[pair['true']]} predicted as {classes[pair['predicted']]}",
                text.plural(pair["count"], "image"),
            )
            for number, pair in enumerate(one["pairs"])
        ],
        risks.conditions_table(one["conditions"]),
        one["conditions"],
        embedding_map(classifier.title, one["map"], about["points"]["labels"], classes, about["images"])
        if one["map"]
        else None,
    )


def _titles(found: dict[str, Any], mistakes: int) -> dict[str, tuple[str, str]]:
    """Return the strips that there are; with two classes, the highest losses are the most confident mistakes.

    Right answers among the highest losses are counted, because they say that there are few mistakes.
    """
    titles = {name: words for name, words in STRIPS.items() if name in found}
    items = found.get("highest_loss", {"items": []})["items"]
    if right := sum(item["predicted"] == item["label"] for item in items):
        made = text.plural(mistakes, "mistake") if mistakes else "no mistakes"
        title, about = titles["highest_loss"]
        words = f"{about} Right answers among them: {right} of {len(items)}, as the classifier made {made}."
        titles["highest_loss"] = title, words
    both = [[item["id"] for item in found[name]["items"]] for name in list(titles)[:2]]
    if "confident_mistakes" in titles and both[0] == both[1]:
        titles["highest_loss"] = ("Highest loss and most confident mistakes", titles["highest_loss"][1])
        del titles["confident_mistakes"]
    return titles


def _strip(one: dict[str, Any], folder: Path, key: str, classes: Sequence[str], title: str, about: str) -> Strip:
    count = len(one["items"])
    examples = []
    for item, cut in zip(one["items"], strips.cuts(one, key, shown=count), strict=True):
        right = item["predicted"] == item["label"]
        examples.append(
            PredictedImage(
                sheet=cut.sheet,
                boxes=cut.boxes,
                id=item["id"],
                label=classes[item["label"]],
                answer=f"{classes[item['predicted']]} {_percent(item['confidence'])}",
                rival=f"{classes[item['rival']]} {_percent(item['rival_confidence'])}",
                right=right,
            )
        )
    sheets = strips.sheets(one, folder, key, images=count, shown=count)
    return Strip(title, about, examples, sheets, one["height"] < strips.SMALL)


def _percent(share: float) -> str:
    return f"{text.percent(share)}%"
