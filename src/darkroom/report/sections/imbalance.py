"""Unequal classes: what each remedy did to them, all against the same network with none, on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkroom import files
from darkroom.report.comparisons import NONE, Effect, policy_effects
from darkroom.report.intervals import Number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Row, Table, cell
from darkroom.report.results import Classifier, Results
from darkroom.report.words import text

UNEQUAL = 1.5
"""Classes count as unequal when the largest has so many times the training images of the smallest."""
REMEDIES = {
    "class_weights": "weights in the loss",
    "balanced_sampler": "draws that favor rare classes",
    "oversampling": "rare images repeated",
}


@dataclass(frozen=True)
class Imbalance:
    """The subsection's content: the rarest and the most common class by training images, and what was done about them."""

    rarest: tuple[str, int]
    commonest: tuple[str, int]
    table: Table
    effects: list[Effect]
    chart: Chart


def subsection(ranked: Sequence[Classifier], results: Results) -> Imbalance | None:
    """None where the classes are about equal, or there is nothing to compare with no policy."""
    counts = _counts(results)
    effects = policy_effects(ranked, balanced=True)
    if len(counts) < 2 or not effects or max(counts.values()) < UNEQUAL * max(1, min(counts.values())):
        return None
    rarest, commonest = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    rows = []
    for c in ranked:
        recall = c.share("per_class", "plain", rarest, "recall")
        balanced = c.share("views", "plain", "raw", "balanced_accuracy")
        gain = next((e.difference for e in effects if e.to is c), None)
        if gain is None:
            change = cell(Number(reason="the base" if c.policy == NONE else "nothing to compare"), "percent")
        else:
            span = f"{text.signed(gain.low, 'percent')} to {text.signed(gain.high, 'percent')}"
            tone = ("good" if gain.value > 0 else "bad") if gain.clear else ""
            change = Cell(text.signed(gain.value, "percent"), span, tone)
        done = Cell(_done(results.policy_settings.get(c.policy, {}), c.policy))
        rows.append(Row(c.title, [done, cell(balanced, "percent"), change, cell(recall, "percent")]))
    columns = ["What it does", "Balanced accuracy, %", "over none, points", f"Recall of {rarest}, %"]
    return Imbalance(
        (rarest, counts[rarest]),
        (commonest, counts[commonest]),
        Table("Classifier", columns, rows),
        effects,
        chart.differences([(f"{e.to.policy} for {e.to.model}", e.difference) for e in effects], "percent"),
    )


def _counts(results: Results) -> dict[str, int]:
    """Training images of each class that has any."""
    card: dict[str, Any] = files.read_json(results.data / "card.json")
    return {name: parts["train"] for name, parts in card["counts"].items() if parts["train"]}


def _done(policy: dict[str, Any], name: str) -> str:
    """What a policy does about unequal classes, in a few words."""
    if name == NONE:
        return "nothing"
    if drawn := policy.get("synthetic"):
        return f"images of rare classes drawn by {drawn.get('model', 'a generator')}"
    if policy.get("balance"):
        return "more and stronger copies of rare classes"
    return REMEDIES.get(str(policy.get("imbalance")), "nothing: all classes are treated alike")
