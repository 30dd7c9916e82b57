"""Classifiers that learned from unlabeled images, too: how many they used, how often rightly, and what that changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from darkroom.measure.intervals import Number, over_seeds
from darkroom.report.comparisons import ACCURACY, Effect, change
from darkroom.report.parts import table as parts
from darkroom.report.parts.curves import MOST_TICKS, Curves, curves
from darkroom.report.parts.table import Cell, Row, Table, cell
from darkroom.report.results import UNIT, ClassifierRuns, Results
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.text import say

SHARE, RIGHT = "train_pseudo_share", "train_pseudo_accuracy"
FEW, WRONG = 0.5, 0.2
"""A run that uses fewer of the unlabeled images at its end needs more epochs; with more wrong pseudo-labels, more labels."""


@dataclass(frozen=True)
class SemiSupervised:
    """The subsection's content; `advice` has one sentence per classifier."""

    table: Table
    by_epoch: list[Curves]
    advice: list[Markup]
    compared: bool
    """Whether any has a supervised model beside it."""
    known: bool
    """Whether the right classes of unlabeled images are known, because an experiment hid them."""


def subsection(ranked: Sequence[ClassifierRuns], results: Results) -> SemiSupervised | None:
    """Describe the classifiers with the option `semi`; None if there are none."""
    models = _models(results)
    chosen = [(c, str(models[c.model]["semi"]["name"])) for c in ranked if models.get(c.model, {}).get("semi")]
    if not chosen:
        return None
    baseline = (results.config.get("classify") or {}).get("baseline")
    effects = {c.keys: _effect(c, ranked, models, baseline) for c, _ in chosen}
    known = any(c.last(RIGHT).value is not None for c, _ in chosen)
    rows = []
    for c, method in chosen:
        effect = effects[c.keys]
        used = over_seeds([run.last(SHARE) for run in c.runs], UNIT)
        line = [
            Cell(method, f"over {effect.base.model}" if effect else ""),
            cell(c.share("views", "plain", "raw", "accuracy"), "percent"),
            parts.change(effect.difference if effect else None, missing="no supervised model"),
            cell(used, "percent"),
        ]
        if known:
            line.append(cell(over_seeds([run.last(RIGHT) for run in c.runs], UNIT), "percent"))
        rows.append(Row(c.title, line))
    columns = ["Method", "Accuracy, %", "Gain, points", "Unlabeled images used, %"]
    drawn = [_by_epoch("Unlabeled images used", SHARE, [c for c, _ in chosen])]
    if known:
        columns.append("Right pseudo-labels, %")
        drawn.append(_by_epoch("Right pseudo-labels", RIGHT, [c for c, _ in chosen]))
    return SemiSupervised(
        Table("Classifier", columns, rows),
        [each for each in drawn if each is not None],
        [Markup(" ").join(_advice(c, effects[c.keys])) for c, _ in chosen],
        any(effects.values()),
        known,
    )


def _models(results: Results) -> dict[str, dict[str, Any]]:
    """Return the settings of each model, and of each search those of the model that it tunes."""
    classify = results.config.get("classify") or {}
    models: dict[str, dict[str, Any]] = dict(classify.get("models") or {})
    return models | {name: models.get(one["model"], {}) for name, one in (classify.get("search") or {}).items()}


def _effect(
    to: ClassifierRuns, ranked: Sequence[ClassifierRuns], models: dict[str, dict[str, Any]], baseline: str | None
) -> Effect | None:
    """Compare with the baseline if it is supervised, else with a supervised model of the same network."""
    others = [c for c in ranked if c.policy == to.policy and not models.get(c.model, {}).get("semi")]
    network = models[to.model].get("network")
    alike = [c for c in others if c.model == baseline] or [
        c for c in others if models.get(c.model, {}).get("network") == network
    ]
    return change(to, alike[0], ACCURACY) if alike else None


def _advice(to: ClassifierRuns, effect: Effect | None) -> Iterator[Markup]:
    """Say what to do with a classifier."""
    if effect is None:
        yield say(
            "{} has no supervised model beside it: add one with the same network, and name it in classify.baseline.",
            titled(to),
        )
    else:
        points, base = text.points(effect.difference), effect.base.model
        if not effect.difference.clear:
            words = "{} and <b>{}</b>: no clear difference ({}). Prefer the supervised model, which is simpler, or add seeds."
        elif effect.difference.value > 0:
            words = "{} is more accurate than <b>{}</b> ({}). Keep learning from unlabeled images."
        else:
            words = (
                "{} is less accurate than <b>{}</b> ({}). Leave semi out, or change its options by validation accuracy."
            )
        yield say(words, titled(to), base, points)
    used, right = to.last(SHARE).value, to.last(RIGHT).value
    if right is not None and 1 - right > WRONG:
        yield say("Of its pseudo-labels, {}% were wrong; label more images, which helps most.", text.percent(1 - right))
    elif used is not None and used < FEW:
        yield say("It used only {}% of the unlabeled images at its end; train for more epochs.", text.percent(used))


def _by_epoch(title: str, column: str, found: Sequence[ClassifierRuns]) -> Curves | None:
    """Draw a column of the history by epoch, as the mean over seeds; epochs without a value have no point."""
    lines: dict[str, dict[float, Number]] = {}
    for c in found:
        tables = [table for run in c.runs if column in (table := _history(run.model_folder))]
        if tables:
            means = pd.concat(tables).groupby("epoch")[column].mean().dropna()
            pairs = zip(means.index.to_numpy(dtype=np.float64) + 1, means.to_numpy(), strict=True)
            lines[c.title] = {float(epoch): Number(float(value)) for epoch, value in pairs}
    epochs = sorted({epoch for line in lines.values() for epoch in line})
    if not epochs:
        return None
    step = max(1, len(epochs) // MOST_TICKS)
    return curves(title, "epoch", lines, {epoch: f"{epoch:.0f}" for epoch in epochs[::step]})


def _history(folder: Path) -> pd.DataFrame:
    path = folder / "history.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
