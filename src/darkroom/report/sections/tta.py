"""Test-time augmentation: what it brought each classifier, what it cost, and the images that it turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from darkroom.report.comparisons import accuracy_change
from darkroom.report.intervals import Number
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure
from darkroom.report.results import Classifier, Results
from darkroom.report.words import text

SHOWN = 25
"""Images of each kind, fixed and broken, in the page's list; the rest is in the file."""
MERGES = {
    "mean": "by their mean",
    "geometric_mean": "by their geometric mean",
    "max": "by the largest of each class",
    "learned": "by a weighted mean, the weights learned on the validation images",
}


@dataclass(frozen=True)
class Turned:
    """The images whose answer of one classifier became right or wrong; `file` holds all of them."""

    title: str
    table: Table
    total: int
    file: str
    figures: list[Figure]


@dataclass(frozen=True)
class Tta:
    """The subsection's content. `looks` is how many each image gets and which, `merge` how they are joined."""

    looks: str
    merge: str
    note: str
    table: Table
    weights: Table | None
    turned: Turned | None


def subsection(ranked: Sequence[Classifier], results: Results) -> Tta | None:
    """None where no classifier was evaluated with views; `ranked` is best first."""
    found = [c for c in ranked if "tta" in c.first.metrics]
    if not found:
        return None
    about: dict[str, Any] = found[0].first.metrics["tta"]
    looks = [f"{view['name']} ({text.plural(view['looks'], 'look')})" for view in about["views"]]
    return Tta(
        looks=f"{text.plural(len(about['looks']), 'time')}: as it is, and by {text.listed(looks)}",
        merge=MERGES.get(about["merge"], about["merge"]),
        note=str(about.get("note", "")),
        table=_gains(found, ranked),
        weights=_weights(found, about["looks"]) if "weights" in about else None,
        turned=_turned(found[0], results) if found[0] is ranked[0] else None,
    )


def _gains(found: Sequence[Classifier], ranked: Sequence[Classifier]) -> Table:
    """Accuracy, images turned and milliseconds, without and with views."""
    rows = []
    for c in found:
        effect = accuracy_change(c, c, views=("tta", "plain"))
        fixed, broken = (c.measured("metrics", "tta", kind) for kind in ("fixed", "broken"))
        plain, tta = (c.measured("timing", "ms_per_image", view) for view in ("plain", "tta"))
        cells = [cell(c.share("views", view, "raw", "accuracy"), "percent") for view in ("plain", "tta")]
        if effect is None:
            cells.append(cell(Number(reason="no predictions to compare"), "percent"))
        else:
            change = effect.difference
            span = f"{text.signed(change.low, 'percent')} to {text.signed(change.high, 'percent')}"
            tone = ("good" if change.value > 0 else "bad") if change.clear else ""
            cells.append(Cell(text.signed(change.value, "percent"), span, tone))
        for count in (fixed, broken):
            cells.append(Cell(text.count(count.value)) if count.value is not None else cell(count, "compact"))
        cells += [cell(plain, "compact"), cell(tta, "compact"), Cell(_ratio(tta, plain))]
        rows.append(Row(c.title, cells, chosen=c is ranked[0] and len(ranked) > 1))
    columns = ["plain", "with TTA", "gain, points", "fixed", "broke", "plain", "with TTA", "times"]
    return Table("Classifier", columns, rows, [("Accuracy, %", 3), ("Test images", 2), ("ms an image", 3)])


def _weights(found: Sequence[Classifier], looks: Sequence[str]) -> Table:
    """How much each look counts, in percent, the mean over seeds."""
    rows = []
    for look in looks:
        rows.append(Row(look, [cell(c.measured("metrics", "tta", "weights", look), "percent") for c in found]))
    return Table("Weight, %", [c.title for c in found], rows)


def _turned(classifier: Classifier, results: Results) -> Turned | None:
    """Of the first seed; None where nothing turned."""
    folder = classifier.first.evaluation_folder
    path = folder / "tta.csv"
    # keep_default_na: a class that is called NA is not a missing value
    items = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()
    if items.empty:
        return None
    kinds = [items[items["turned"] == kind].head(SHOWN) for kind in ("fixed", "broken")]
    rows = []
    for item in pd.concat(kinds).to_dict("records"):
        answers = [Cell(item[view], _sure(item[f"{view}_confidence"])) for view in ("plain", "tta")]
        rows.append(Row(item["id"], [Cell(item["label"]), *answers], badge=item["turned"]))
    seed = f", seed {classifier.first.seed}" if len(classifier.runs) > 1 else ""
    caption = f"{classifier.title}{seed}: the true class above each image, the answer before \N{RIGHTWARDS ARROW} after below."
    return Turned(
        title=f"{classifier.title}{seed}",
        table=Table("Image", ["True class", "Plain", "With TTA"], rows),
        total=len(items),
        file=f"results/{results.name}/{path.relative_to(results.root).as_posix()}",
        figures=figure(folder / "tta.png", "Images that test-time augmentation fixed and broke", caption),
    )


def _sure(confidence: str) -> str:
    return f"{text.percent(float(confidence))}{text.unit('percent')} sure"


def _ratio(tta: Number, plain: Number) -> str:
    if not tta.value or not plain.value:
        return text.DASH
    return f"\N{MULTIPLICATION SIGN}{text.THIN}{text.compact(tta.value / plain.value)}"
