"""Unequal classes: what each remedy changed, compared with the same network and transforms without a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from darkroom import files
from darkroom.report.comparisons import NONE, Effect, accuracy_change
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Row, Table, cell, change
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.text import say

UNEQUAL = 1.5
"""Classes count as unequal if the largest has this many times the training images of the smallest."""
REMEDIES = {
    "class_weights": "class weights in the loss",
    "class_balanced": "class-balanced weights in the loss",
    "logit_adjustment": "logit adjustment",
    "balanced_sampler": "balanced sampling",
    "oversampling": "oversampling",
    "undersampling": "undersampling",
}
ALIKE = "nothing; treats all classes alike"


@dataclass(frozen=True)
class Imbalance:
    """The subsection's content: the rarest and the most common class by training images, and what was done about them."""

    rarest: tuple[str, int]
    commonest: tuple[str, int]
    table: Table
    effects: list[Effect]
    """Of the remedies alone."""
    same_transforms: list[bool]
    """Of each effect, whether the remedy is all that differs."""
    chart: Chart | None


def subsection(ranked: Sequence[ClassifierRuns], results: Results) -> Imbalance | None:
    """Compare the remedies for unequal classes; None if the classes are about equal, or all policies treat them alike."""
    counts = _counts(results)
    policies = results.policy_settings
    treated = [c for c in ranked if remedy(policies.get(c.policy, {}))]
    if len(counts) < 2 or not treated or max(counts.values()) < UNEQUAL * max(1, min(counts.values())):
        return None
    rarest, commonest = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    pairs = [(c, base) for c in treated if (base := _base(c, ranked, policies)) is not None]
    effects = [e for to, base in pairs if (e := accuracy_change(to, base, balanced=True)) is not None]
    rows = []
    for c in ranked:
        effect = next((e for e in effects if e.to is c), None)
        done = remedy(policies.get(c.policy, {})) or ALIKE
        over = f"over {effect.base.policy}" if effect else ""
        line = [Cell(done, over), cell(c.share("views", "plain", "raw", "balanced_accuracy"), "percent")]
        line.append(change(effect.difference if effect else None, missing="no remedy" if done == ALIKE else "no base"))
        rows.append(Row(c.title, [*line, cell(c.share("per_class", "plain", rarest, "recall"), "percent")]))
    columns = ["For rare classes", "Balanced accuracy, %", "Gain, points", f"Recall of {rarest}, %"]
    marks = [(f"{e.to.policy} over {e.base.policy}, {e.to.model}", e.difference) for e in effects]
    return Imbalance(
        (rarest, counts[rarest]),
        (commonest, counts[commonest]),
        Table("Classifier", columns, rows),
        effects,
        [_transforms(policies.get(e.to.policy, {})) == _transforms(policies.get(e.base.policy, {})) for e in effects],
        chart.differences(marks, "percent") if marks else None,
    )


def findings(imbalance: Imbalance | None, best: ClassifierRuns) -> Iterator[Finding]:
    """Name the remedy that gains most balanced accuracy, for the best classifier's network."""
    pairs = zip(imbalance.effects, imbalance.same_transforms, strict=True) if imbalance else ()
    found = [(effect, same) for effect, same in pairs if effect.to.model == best.model]
    if imbalance is None or not found:
        return
    effect, same = max(found, key=lambda pair: pair[0].difference.value)
    (rare, few), (common, many) = imbalance.rarest, imbalance.commonest
    words = say("<b>{}</b> has {}, <b>{}</b> {}. ", rare, text.plural(few, "training image"), common, text.count(many))
    words += say("{} changes balanced accuracy by", titled(effect.to))
    words += say(" {}", text.points(effect.difference))
    words += say(", compared with {}", titled(effect.base))
    words += (
        Markup(".") if same else Markup("; their transforms differ, too, so this is not the remedy's effect alone.")
    )
    name, tone = verdict(effect.difference)
    yield Finding("Unequal classes", name, tone, words)


def remedy(policy: dict[str, Any]) -> str:
    """Say what a policy does about unequal classes; empty if it treats all classes alike."""
    if drawn := policy.get("synthetic"):
        return f"samples of {drawn.get('model', 'a generator')}"
    if policy.get("balance"):
        return "more and stronger copies"
    found = policy.get("imbalance")
    return REMEDIES.get(str(found.get("name") if isinstance(found, dict) else found), "")


def _base(to: ClassifierRuns, ranked: Sequence[ClassifierRuns], policies: dict[str, Any]) -> ClassifierRuns | None:
    """The same network without a remedy: with the same transforms if there is one, else without augmentation."""
    plain = [c for c in ranked if c.model == to.model and not remedy(policies.get(c.policy, {}))]
    transforms = _transforms(policies.get(to.policy, {}))
    equal = [c for c in plain if _transforms(policies.get(c.policy, {})) == transforms]
    return next(iter([*equal, *(c for c in plain if c.policy == NONE)]), None)


def _transforms(policy: dict[str, Any]) -> tuple[Any, Any]:
    return policy.get("offline") or [], policy.get("online") or []


def _counts(results: Results) -> dict[str, int]:
    """Training images of each class that has any."""
    card: dict[str, Any] = files.read_json(results.data / "card.json")
    return {name: parts["train"] for name, parts in card["counts"].items() if parts["train"]}
