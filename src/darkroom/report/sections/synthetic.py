"""Synthetic training images: what generators drew for rare classes, and whether classifiers gained by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from darkroom import files
from darkroom.measure.intervals import Number
from darkroom.report.comparisons import NONE, Effect, accuracy_change
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, change, figure
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.text import say

FEW = 5
"""With fewer seeds than this, the page asks for more."""


@dataclass(frozen=True)
class Gain:
    """What a policy with synthetic images gained one network: over no policy, and over the best other policy."""

    generator: str
    over_none: Effect
    rival: Effect | None


@dataclass(frozen=True)
class Synthetic:
    """The section's content."""

    drawn: Table
    table: Table | None
    chart: Chart | None
    gains: list[Gain]
    seeds: int
    few: bool
    figures: list[Figure]


def read(results: Results) -> Synthetic | None:
    """Compare the policies with synthetic images; None if there are none."""
    if not results.synthetic:
        return None
    drawn = {policy: files.read_json(folder / "synthetic.json") for policy, folder in results.synthetic.items()}
    gains = [gain for c in results.classifiers if c.policy in drawn and (gain := _gain(c, drawn, results)) is not None]
    seeds = min((len(gain.over_none.to.runs) for gain in gains), default=0)
    marks = [(f"{g.over_none.to.policy} over {NONE}, {g.over_none.to.model}", g.over_none.difference) for g in gains]
    return Synthetic(
        drawn=_drawn(drawn),
        table=_gains(gains, results) if gains else None,
        chart=chart.differences(marks, "percent") if marks else None,
        gains=gains,
        seeds=seeds,
        few=0 < seeds < FEW,
        figures=[found for policy, folder in results.synthetic.items() for found in _sheet(policy, folder)],
    )


def answer(found: Synthetic) -> Answer:
    """Say whether synthetic images helped, compared with nothing and with the best other remedy."""
    findings = []
    for each in found.gains:
        gain = each.over_none
        words = say("Samples of <b>{}</b> for rare classes (<b>{}</b>)", each.generator, gain.to.policy)
        words += say(" change the balanced accuracy of <b>{}</b>", gain.to.model)
        words += say(" by {}", text.points(gain.difference))
        words += Markup(", compared with no policy")
        if each.rival is not None:
            words += say(
                ", and by {} compared with <b>{}</b>", text.points(each.rival.difference), each.rival.base.policy
            )
            words += Markup(", the best other policy")
        findings.append(Finding("Synthetic data", *verdict(gain.difference), words + Markup(".")))
    return Answer(findings=findings)


SECTION = Section("synthetic", "Synthetic data", read, answer, rank=5)


def _gain(classifier: ClassifierRuns, drawn: dict[str, Any], results: Results) -> Gain | None:
    others = [c for c in results.classifiers if c.model == classifier.model and c.policy not in drawn]
    plain = next((c for c in others if c.policy == NONE), None)
    over_none = accuracy_change(classifier, plain, balanced=True) if plain else None
    if over_none is None:
        return None
    rivals = [e for c in others if c.policy != NONE and (e := accuracy_change(classifier, c, balanced=True))]
    rival = min(rivals, key=lambda effect: effect.difference.value, default=None)
    return Gain(str(drawn[classifier.policy]["model"]), over_none, rival)


def _drawn(drawn: dict[str, Any]) -> Table:
    """Tabulate one row per policy and class: samples drawn, rejected and kept."""
    rows = []
    for policy, found in drawn.items():
        for label, counts in found["classes"].items():
            short = counts["kept"] < counts["wanted"]
            kept = Cell(text.count(counts["kept"]), f"of {text.count(counts['wanted'])} wanted", "bad" if short else "")
            numbers = [cell(Number(counts[key]), "count") for key in ("real", "drawn", "unsure", "far")]
            rows.append(Row(f"{policy}: {label}", [*numbers, kept]))
    columns = ["Real images", "Drawn", "class not recognized", "too far from real images", "Kept"]
    return Table("Policy and class", columns, rows, [("", 2), ("Rejected", 2), ("", 1)])


def _gains(gains: Sequence[Gain], results: Results) -> Table:
    """Tabulate one row per classifier: its gain in balanced accuracy over every other policy of the same network."""
    drawn = {gain.over_none.to.policy for gain in gains}
    others = list(dict.fromkeys(c.policy for c in results.classifiers if c.policy not in drawn))
    rows = []
    for gain in gains:
        to = gain.over_none.to
        line = [cell(to.share("views", "plain", "raw", "balanced_accuracy"), "percent")]
        for policy in others:
            base = next((c for c in results.classifiers if (c.model, c.policy) == (to.model, policy)), None)
            effect = accuracy_change(to, base, balanced=True) if base else None
            line.append(change(effect.difference if effect else None))
        rows.append(Row(to.title, line))
    columns = ["Balanced accuracy, %", *(f"over {policy}" for policy in others)]
    return Table("Classifier", columns, rows, [("", 1), ("Gain in points of balanced accuracy", len(others))])


def _sheet(policy: str, folder: Path) -> list[Figure]:
    caption = f"{policy}: real training images, samples kept, samples rejected, of the classes that were filled up."
    return figure(folder / "synthetic.png", f"Samples drawn for {policy}", caption)
