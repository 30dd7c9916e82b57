"""Cross-validation: scores of each classifier over folds, and which differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkroom import files
from darkroom.measure.intervals import Difference, Number, number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Row, Table, cell
from darkroom.report.results import Results
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

TITLES = {
    "accuracy": ("Accuracy, %", "percent"),
    "balanced_accuracy": ("Balanced accuracy, %", "percent"),
    "macro_f1": ("Macro F1, %", "percent"),
    "micro_f1": ("Micro F1, %", "percent"),
    "map": ("Mean average precision, %", "percent"),
    "nll": ("NLL, nats", "decimal"),
    "r2": ("R²", "decimal"),
    "standardized_mae": ("MAE, standard deviations", "decimal"),
}
SURE = 0.05
"""Adjusted p-values below this are called clear."""


@dataclass(frozen=True)
class CrossValidation:
    """The subsection's content, the best classifier first."""

    folds: int
    seeds: int
    images: int
    table: Table
    effects: Chart | None
    unit: str
    clear: list[str]
    left_out: dict[str, str]


def subsection(results: Results) -> CrossValidation | None:
    """Read the pooled folds; None if there are none."""
    if results.cross_validation is None:
        return None
    found: dict[str, Any] = files.read_json(results.cross_validation / "cross_validation.json")
    main = found["main"]
    ranked = sorted(found["classifiers"], key=lambda one: -one["scores"].get(main, {"value": -math.inf})["value"])
    names = list(dict.fromkeys(name for one in ranked for name in one["scores"]))
    columns = [title for name in names for title in (_title(name), "pooled")]
    rows = []
    for one in ranked:
        cells = []
        for name in names:
            style, score = _style(name), one["scores"].get(name)
            if score is None:
                cells += 2 * [cell(Number(reason="undefined"), style)]
            else:
                lowest, highest = -math.inf if name == "r2" else 0.0, 1.0 if style == "percent" else math.inf
                mean = number(score)
                if mean.low is not None and mean.high is not None:
                    mean = Number(mean.value, max(lowest, mean.low), min(highest, mean.high))
                cells += [cell(mean, style), cell(Number(score["pooled"]), style)]
        rows.append(Row(f"{one['model']} + {one['policy']}", cells, chosen=one is ranked[0] and len(ranked) > 1))
    changes = [_change(one) for one in found["differences"]]
    style = _style(main)
    return CrossValidation(
        folds=found["folds"],
        seeds=len(found["seeds"]),
        images=found["images"],
        table=Table("Classifier", columns, rows),
        effects=chart.differences([(name, change) for name, change, _ in changes], style) if changes else None,
        unit="points" if style == "percent" else _title(main),
        clear=[f"{name}: {text.points(change, style)}" for name, change, p in changes if p < SURE],
        left_out=found["left_out"],
    )


def findings(content: CrossValidation | None) -> Iterator[Finding]:
    """Say which differences hold over folds."""
    if content is None or content.effects is None:
        return
    if content.clear:
        words = say("Over {} folds, these differences are clear: {}.", content.folds, text.listed(content.clear))
        yield Finding("Cross-validation", "clear", "note", words)
    else:
        words = say("Over {} folds, no two classifiers differ clearly.", content.folds)
        yield Finding("Cross-validation", "no clear difference", "even", words)


def _change(one: dict[str, Any]) -> tuple[str, Difference, float]:
    """Name a comparison by what differs, the higher one first."""
    first, second = one["first"], one["second"]
    change = Difference(one["value"], one["low"], one["high"])
    if change.value < 0:
        first, second, change = second, first, Difference(-change.value, -change.high, -change.low)
    if first[0] == second[0]:
        return f"{first[1]} over {second[1]}, {first[0]}", change, one["p_holm"]
    return f"{first[0]} over {second[0]}, {first[1]}", change, one["p_holm"]


def _title(name: str) -> str:
    return TITLES[name][0] if name in TITLES else f"MAE of {name.removeprefix('mae/')}"


def _style(name: str) -> str:
    return TITLES[name][1] if name in TITLES else "compact"
