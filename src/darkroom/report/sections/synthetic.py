"""Synthetic data put to work: what generators drew for rare classes, and whether classifiers gained by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkroom import files
from darkroom.report.comparisons import NONE, Effect, accuracy_change
from darkroom.report.intervals import Number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure
from darkroom.report.results import Classifier, Results
from darkroom.report.words import text

FEW = 5
"""Below so many seeds the page says that more are needed."""


@dataclass(frozen=True)
class Gain:
    """What a policy with drawn copies brought one network: over no policy, and over the best other policy."""

    model: str
    over_none: Effect
    rival: Effect | None


@dataclass(frozen=True)
class Synthetics:
    """The subsection's content."""

    drawn: Table
    gains: Table | None
    chart: Chart | None
    effects: list[Gain]
    seeds: int
    few: bool
    figures: list[Figure]


def subsection(results: Results) -> Synthetics | None:
    """None when no generator drew copies for a policy."""
    if not results.synthetic:
        return None
    told = {policy: files.read_json(folder / "synthetic.json") for policy, folder in results.synthetic.items()}
    effects = [gain for c in results.classifiers if c.policy in told and (gain := _gain(c, told, results)) is not None]
    seeds = min((len(gain.over_none.to.runs) for gain in effects), default=0)
    rows = [(f"{g.over_none.to.policy} for {g.over_none.to.model}", g) for g in effects]
    return Synthetics(
        drawn=_drawn(told),
        gains=_gains(effects, results) if effects else None,
        chart=chart.differences([(name, g.over_none.difference) for name, g in rows], "percent") if rows else None,
        effects=effects,
        seeds=seeds,
        few=0 < seeds < FEW,
        figures=[found for policy in told for found in _sheet(results, policy)],
    )


def _gain(classifier: Classifier, told: dict[str, Any], results: Results) -> Gain | None:
    others = [c for c in results.classifiers if c.model == classifier.model and c.policy not in told]
    plain = next((c for c in others if c.policy == NONE), None)
    over_none = accuracy_change(classifier, plain, balanced=True) if plain else None
    if over_none is None:
        return None
    remedies = [e for c in others if c.policy != NONE and (e := accuracy_change(classifier, c, balanced=True))]
    rival = min(remedies, key=lambda effect: effect.difference.value, default=None)
    return Gain(str(told[classifier.policy]["model"]), over_none, rival)


def _drawn(told: dict[str, Any]) -> Table:
    """A row a policy and class: what was there, drawn, refused and kept."""
    rows = []
    for policy, found in told.items():
        for label, counts in found["classes"].items():
            short = counts["kept"] < counts["wanted"]
            kept = Cell(text.count(counts["kept"]), f"of {text.count(counts['wanted'])} wanted", "bad" if short else "")
            numbers = [Cell(text.count(counts[key])) for key in ("real", "drawn", "unsure", "far")]
            rows.append(Row(f"{policy}: {label}", [*numbers, kept]))
    columns = ["Real images", "Drawn", "not given their class", "too far from real ones", "Kept"]
    return Table("Policy and class", columns, rows, [("", 2), ("Refused", 2), ("", 1)])


def _gains(effects: Sequence[Gain], results: Results) -> Table:
    """A row a synthetic policy; its gain in balanced accuracy over every other policy of the same network."""
    drawn = {gain.over_none.to.policy for gain in effects}
    others = list(dict.fromkeys(c.policy for c in results.classifiers if c.policy not in drawn))
    rows = []
    for gain in effects:
        to = gain.over_none.to
        line = [cell(to.share("views", "plain", "raw", "balanced_accuracy"), "percent")]
        for policy in others:
            base = next((c for c in results.classifiers if (c.model, c.policy) == (to.model, policy)), None)
            change = accuracy_change(to, base, balanced=True) if base else None
            line.append(_change(change))
        rows.append(Row(to.title, line))
    columns = ["Balanced accuracy, %", *(f"over {policy}" for policy in others)]
    return Table("Classifier", columns, rows, [("", 1), ("points of balanced accuracy, paired by seed", len(others))])


def _change(effect: Effect | None) -> Cell:
    if effect is None:
        return cell(Number(reason="nothing to compare"), "percent")
    found = effect.difference
    tone = ("good" if found.value > 0 else "bad") if found.clear else ""
    span = f"{text.signed(found.low, 'percent')} to {text.signed(found.high, 'percent')}"
    return Cell(text.signed(found.value, "percent"), span, tone)


def _sheet(results: Results, policy: str) -> list[Figure]:
    caption = f"{policy}: real training images, samples that were kept, samples that were refused; a line a class."
    return figure(results.synthetic[policy] / "synthetic.png", f"Images drawn for {policy}", caption)
