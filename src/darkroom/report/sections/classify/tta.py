"""Test-time augmentation: what it gained each classifier, what it costs, and the images whose answer it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.comparisons import accuracy_change
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, change, figure
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

SHOWN = 25
"""Images of each kind, fixed and broken, on the page; the file has the rest."""
MERGES = {
    "mean": "by their mean",
    "geometric_mean": "by their geometric mean",
    "max": "by the maximum of each class",
    "learned": "by a weighted mean with weights learned on the validation images",
}


@dataclass(frozen=True)
class Turned:
    """The images whose answer from one classifier became right or wrong; `file` lists all of them."""

    title: str
    table: Table
    total: int
    file: str
    figures: list[Figure]


@dataclass(frozen=True)
class Merged:
    """The subsection's content. `views` says how often the network sees an image and how, `merge` how answers combine."""

    views: str
    merge: str
    note: str
    table: Table
    weights: Table | None


@dataclass(frozen=True)
class Tta(Merged):
    """With the images of one class whose answer changed."""

    turned: Turned | None


def merged(ranked: Sequence[ClassifierRuns], table: Table) -> Merged | None:
    """Describe test-time augmentation beside a table of its gains; None if no classifier was evaluated with it."""
    found = [c for c in ranked if "tta" in c.first.metrics]
    if not found:
        return None
    about: dict[str, Any] = found[0].first.metrics["tta"]
    views = [f"{view['name']} ({text.plural(view['looks'], 'view')})" for view in about["views"]]
    return Merged(
        views=f"{text.plural(len(about['looks']), 'time')}: unchanged, and with {text.listed(views)}",
        merge=worded(MERGES.get(about["merge"], about["merge"])),
        note=str(about.get("note", "")),
        table=table,
        weights=_weights(found, about["looks"]) if "weights" in about else None,
    )


def subsection(ranked: Sequence[ClassifierRuns], results: Results) -> Tta | None:
    """Read test-time augmentation of one class per image; None if no classifier was evaluated with it."""
    found = [c for c in ranked if "tta" in c.first.metrics]
    about = merged(ranked, _gains(found, ranked))
    if about is None:
        return None
    return Tta(**vars(about), turned=_turned(found[0], results) if found[0] is ranked[0] else None)


def findings(best: ClassifierRuns) -> Iterator[Finding]:
    """Say what test-time augmentation changed for the best classifier, and at what cost."""
    fixed, broken = (best.measured("metrics", "tta", key).value for key in ("fixed", "broken"))
    if fixed is None or broken is None:
        return
    words = say("For {}, TTA fixes {}", titled(best), text.plural(fixed, "wrong answer"))
    words += say(" and breaks {}", text.plural(broken, "right one"))
    words += say(", averaged over seeds") if len(best.runs) > 1 else Markup("")
    effect = accuracy_change(best, best, views=("tta", "plain"))
    if effect is not None:
        words += say(": {} of accuracy", text.points(effect.difference))
    plain, slower = (best.measured("timing", "ms_per_image", view).value for view in ("plain", "tta"))
    if plain is not None and slower is not None:
        words += say(", at {} ms per image instead of {}", text.compact(slower), text.compact(plain))
    name, tone = verdict(effect.difference) if effect is not None else ("counted", "note")
    yield Finding("TTA", name, tone, words + Markup("."))


def _gains(found: Sequence[ClassifierRuns], ranked: Sequence[ClassifierRuns]) -> Table:
    """Tabulate accuracy, changed answers and milliseconds, with and without TTA."""
    rows = []
    for c in found:
        effect = accuracy_change(c, c, views=("tta", "plain"))
        cells = [cell(c.share("views", view, "raw", "accuracy"), "percent") for view in ("plain", "tta")]
        cells.append(change(effect.difference if effect else None, missing="no predictions to compare"))
        cells += [cell(c.measured("metrics", "tta", kind), "count") for kind in ("fixed", "broken")]
        cells += times(c)
        rows.append(Row(c.title, cells, chosen=c is ranked[0] and len(ranked) > 1))
    columns = ["plain", "with TTA", "gain, points", "fixed", "broken", "plain", "with TTA", "ratio"]
    return Table("Classifier", columns, rows, [("Accuracy, %", 3), ("Test images", 2), ("ms per image", 3)])


def times(classifier: ClassifierRuns) -> list[Cell]:
    """Return the cells of milliseconds per image, without TTA, with it, and their ratio."""
    plain, tta = (classifier.measured("timing", "ms_per_image", view) for view in ("plain", "tta"))
    return [cell(plain, "compact"), cell(tta, "compact"), Cell(_ratio(tta, plain))]


def _weights(found: Sequence[ClassifierRuns], views: Sequence[str]) -> Table:
    """Tabulate the weight of each view in percent, averaged over seeds."""
    rows = [
        Row(view, [cell(c.measured("metrics", "tta", "weights", view), "percent") for c in found]) for view in views
    ]
    return Table("Weight, %", [c.title for c in found], rows)


def _turned(classifier: ClassifierRuns, results: Results) -> Turned | None:
    """List the changed answers of the first seed; None if nothing changed."""
    folder = classifier.first.evaluation_folder
    path = folder / "tta.csv"
    # keep_default_na: a class named NA is not a missing value
    items = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()
    if items.empty:
        return None
    kinds = [items[items["turned"] == kind].head(SHOWN) for kind in ("fixed", "broken")]
    rows = []
    for item in pd.concat(kinds).to_dict("records"):
        answers = [Cell(item[view], _confidence(item[f"{view}_confidence"])) for view in ("plain", "tta")]
        rows.append(Row(item["id"], [Cell(item["label"]), *answers], badge=item["turned"]))
    seed = f", seed {classifier.first.seed}" if len(classifier.runs) > 1 else ""
    caption = f"{classifier.title}{seed}: the true class above each image; below it, the answers without and with TTA."
    return Turned(
        title=f"{classifier.title}{seed}",
        table=Table("Image", ["True class", "Plain", "With TTA"], rows),
        total=len(items),
        file=f"results/{results.name}/{path.relative_to(results.root).as_posix()}",
        figures=figure(folder / "tta.png", "Images that test-time augmentation fixed and broke", caption),
    )


def _confidence(value: str) -> str:
    return f"confidence {text.plain(Number(float(value)), 'percent')}"


def _ratio(tta: Number, plain: Number) -> str:
    if not tta.value or not plain.value:
        return text.DASH
    return f"\N{MULTIPLICATION SIGN}{text.THIN}{text.compact(tta.value / plain.value)}"
