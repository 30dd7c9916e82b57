"""Classifiers of several labels per image: which one is best, what each choice gained, and which labels it misses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, Number
from darkroom.report.comparisons import Effect, Score, network_effects, over_images, policy_effects, ranking
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, change
from darkroom.report.results import ClassifierRuns, Results, Run
from darkroom.report.section import Answer
from darkroom.report.sections.classify import findings, tables, tta, why
from darkroom.report.sections.classify.findings import titled
from darkroom.report.sections.classify.why import Why
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, bracketed, tile, verdict
from darkroom.report.words.text import say

Floats = NDArray[np.float64]
NAMED = 8
"""Weak labels named in the answer."""
SMALLEST = 1e-12
"""Bounds probabilities away from 0 and 1."""


@dataclass(frozen=True)
class Labels:
    """The section's content; `ranked` is best first, `weak` labels have their F1 interval below the mean F1 of all."""

    ranked: list[ClassifierRuns]
    ranks: dict[tuple[str, ...], Number]
    by_validation: bool
    images: int
    seeds: int
    chart: Chart
    policies: list[Effect]
    networks: list[Effect]
    baseline: str | None
    effects: Chart | None
    accuracy: Table
    calibration: Table
    cost: Table
    tta: tta.Merged | None
    labels: Table
    weak: list[str]
    groups: Table | None
    figures: list[Figure]
    others: list[tuple[str, list[Figure]]]
    why: Why | None
    template: str = "labels.html"

    @property
    def best(self) -> ClassifierRuns:
        return self.ranked[0]


def image_f1(run: Run, view: str = "plain") -> Floats | None:
    """Return the F1 of each test image's labels, ordered by id; 1 where there are none and none is called."""
    table = run.table("predictions.parquet")
    if table is None:
        return None
    truth, called = (table.filter(regex=f"^{part}_").to_numpy(bool) for part in ("true", f"prediction_{view}"))
    if called.shape != truth.shape:
        return None
    size = truth.sum(1) + called.sum(1)
    return np.where(size > 0, 2 * (truth & called).sum(1) / np.maximum(size, 1), 1.0)


def _gains(run: Run, other: Run, views: tuple[str, str] = ("plain", "plain")) -> Floats | None:
    to, base = image_f1(run, views[0]), image_f1(other, views[1])
    return None if to is None or base is None or len(to) != len(base) else to - base


SCORE = Score("F1 per image", "f1", ("views", "plain", "calibrated", "micro_f1"), "micro F1", _gains)
VALIDATED = replace(SCORE, name="micro F1")
"""What the validation images rank classifiers by: a threshold of 0.5 for every label."""


def read(results: Results) -> Labels:
    """Rank and compare the classifiers."""
    ranked, ranks, by_validation = ranking(results.classifiers, SCORE)
    best, baseline = ranked[0], (results.config.get("classify") or {}).get("baseline")
    policies, networks = policy_effects(ranked, SCORE), network_effects(ranked, baseline, SCORE)
    each, weak = by_label(best)
    return Labels(
        ranked=ranked,
        ranks=ranks,
        by_validation=by_validation,
        images=int(best.first.metrics.get("items", 0)),
        seeds=max(len(c.runs) for c in ranked),
        chart=chart.numbers([(c.title, _value(c, "micro_f1")) for c in ranked], "percent", chosen=0),
        policies=policies,
        networks=networks,
        baseline=baseline,
        effects=tables.effects(networks, policies, SCORE),
        accuracy=_accuracy(ranked, ranks, by_validation),
        calibration=_calibration(ranked),
        cost=tables.cost(ranked),
        tta=tta.merged(ranked, _tta(ranked)),
        labels=each,
        weak=weak,
        groups=tables.worst_groups(
            best, {"Micro F1, %": "micro_f1"}, lambda name, key: best.share("by_group", name, key)
        ),
        figures=_figures(best),
        others=[(c.title, _figures(c)) for c in ranked[1:]],
        why=why.subsection(ranked, results),
    )


def answer(found: Labels) -> Answer:
    """Head the page with the best classifier's F1."""
    best, f1 = found.best, _value(found.best, "micro_f1")
    headline = say("{} finds the labels of {}", titled(best), text.plural(found.images, "test image"))
    headline += say(" with a micro F1 of <b>{}</b>", text.plain(f1, "percent"))
    score = findings.remedies if found.baseline else findings.networks
    return Answer(
        headline + bracketed(f1, "percent"),
        findings.basis(found.ranked, found.ranks, found.by_validation, seeds=found.seeds, score=VALIDATED),
        found.chart if len(found.ranked) > 1 else None,
        "Micro F1",
        [
            tile("Mean average precision", _value(best, "map"), "percent", best.title),
            tile("Images with all labels right", _value(best, "exact_match"), "percent", best.title),
        ],
        [
            *score(found.networks, SCORE),
            *findings.policies(found.policies, best, SCORE),
            *_tta_findings(best),
            *calibration_findings(best),
            *_weak_findings(found),
            *why.findings(found.why, best),
        ],
    )


def _value(classifier: ClassifierRuns, name: str, kind: str = "calibrated") -> Number:
    return classifier.share("views", "plain", kind, name)


def _accuracy(ranked: Sequence[ClassifierRuns], ranks: dict[tuple[str, ...], Number], by_validation: bool) -> Table:
    names = {"micro_f1": "Micro F1, %", "macro_f1": "Macro F1, %", "image_f1": "F1 per image, %"}
    names |= {"exact_match": "All right, %", "map": "mAP, %", "macro_auroc": "Macro AUROC, %"}
    cells = []
    for c in ranked:
        first = [cell(ranks[c.keys], "percent")] if by_validation else []
        cells.append([*first, *(cell(_value(c, name), "percent") for name in names)])
    columns = [*(["Validation F1, %"] if by_validation else []), *names.values()]
    return tables.by_classifier(ranked, columns, cells)


def _calibration(ranked: Sequence[ClassifierRuns]) -> Table:
    groups = {"ece": "ECE", "nll": "NLL, nats", "brier": "Brier score"}
    cells = []
    for c in ranked:
        scores = [
            cell(c.number("views", "plain", kind, score, bounds=(0, np.inf)), "decimal")
            for score in groups
            for kind in ("raw", "calibrated")
        ]
        cells.append([*scores, *(cell(_value(c, "micro_f1", kind), "percent") for kind in ("raw", "calibrated"))])
    columns = [*["before", "after"] * len(groups), "at 0.5", "chosen"]
    return tables.by_classifier(ranked, columns, cells, [*((t, 2) for t in groups.values()), ("Micro F1, %", 2)])


def by_label(best: ClassifierRuns) -> tuple[Table, list[str]]:
    """Tabulate the labels of a classifier, and name those whose whole F1 interval lies below the mean F1 of all labels."""
    path = ("per_label", "plain")
    names = best.named(*path)
    scores = {name: best.share(*path, name, "f1") for name in names}
    mean = _value(best, "macro_f1").value
    weak = [n for n, f1 in scores.items() if mean is not None and f1.high is not None and f1.high < mean]
    drawn = chart.numbers(list(scores.items()), "percent")
    rows = []
    for name, mark in zip(names, drawn.marks, strict=True):
        parts = ("f1", "precision", "recall", "average_precision", "auroc")
        cells = [Cell("", mark=mark), *(cell(best.share(*path, name, part), "percent") for part in parts)]
        cells += [
            cell(best.share(*path, name, "threshold"), "decimal"),
            cell(best.share(*path, name, "ece"), "decimal"),
        ]
        cells.append(cell(best.measured("metrics", *path, name, "support"), "count"))
        rows.append(Row(name, cells, badge="weak" if name in weak else ""))
    columns = ["", "F1, %", "Precision, %", "Recall, %", "AP, %", "AUROC, %", "Threshold", "ECE", "Test images"]
    return Table("Label", columns, rows), weak


def _tta(ranked: Sequence[ClassifierRuns]) -> Table:
    rows = []
    for c in ranked:
        if "tta" not in c.first.metrics:
            continue
        shown = [cell(c.share("views", view, "calibrated", "micro_f1"), "percent") for view in ("plain", "tta")]
        counts = [cell(c.measured("metrics", "tta", kind), "count") for kind in ("fixed", "broken")]
        rows.append(
            Row(c.title, [*shown, change(_gain(c)), *counts, *tta.times(c)], chosen=c is ranked[0] and len(ranked) > 1)
        )
    columns = ["plain", "with TTA", "F1 per image, points", "fixed", "broken", "plain", "with TTA", "ratio"]
    return Table("Classifier", columns, rows, [("Micro F1, %", 2), ("Gain", 1), ("Labels", 2), ("ms per image", 3)])


def _gain(classifier: ClassifierRuns) -> Difference | None:
    """What TTA adds to the F1 per image."""
    pairs = [(run, run) for run in classifier.runs]
    return over_images(pairs, lambda run, other: _gains(run, other, ("tta", "plain")))


def _tta_findings(best: ClassifierRuns) -> Iterator[Finding]:
    gain = _gain(best)
    if gain is not None and "tta" in best.first.metrics:
        words = say("TTA changes the F1 per image of {} by {}.", titled(best), text.points(gain))
        yield Finding("TTA", *verdict(gain), words)


def calibration_findings(best: ClassifierRuns) -> Iterator[Finding]:
    """Say how far the probabilities can be trusted, and for how many labels there were enough images to tell."""
    before, after = _value(best, "ece", "raw"), _value(best, "ece")
    each = list(best.first.metrics.get("per_label", {}).get("plain", {}).values())
    scaled = sum(not one["calibration"]["note"] for one in each)
    if before.value is None or after.value is None:
        return
    if not scaled:
        words = say("{} keeps the probabilities of its labels as trained:", titled(best))
        words += say(" the validation images are too few, or show no gain.")
        words += say(" The mean ECE of the labels is {}.", text.full(after, "decimal"))
        yield Finding("Calibration", "not calibrated", "note", words)
        return
    change = over_images([(run, run) for run in best.runs], likelihood_gains)
    name, tone = verdict(change) if change is not None else ("not compared", "note")
    words = say("Platt scaling of {} of {}", scaled, text.plural(len(each), "label"))
    if change is not None:
        rise = Difference(-change.value, -change.high, -change.low)
        words += say(" changes the NLL by {} nats per test image, and", text.points(rise, "decimal"))
    words += say(" changes the mean ECE of {} from {}", titled(best), text.full(before, "decimal"))
    yield Finding("Calibration", name, tone, words + say(" to {}.", text.full(after, "decimal")))


def likelihood_gains(run: Run, _: Run) -> Floats | None:
    """Return by how much scaling raises the log-likelihood of each test image's labels; it can be undone by its parameters."""
    table, labels = run.table("predictions.parquet"), list(run.metrics["per_label"]["plain"].values())
    if table is None:
        return None
    truth, chances = (table.filter(regex=f"^{part}_").to_numpy(float) for part in ("true", "p_plain"))
    chances = np.clip(chances, SMALLEST, 1 - SMALLEST)
    after = np.log(chances) - np.log1p(-chances)
    slopes, offsets = (np.array([one["calibration"][key] for one in labels]) for key in ("slope", "offset"))
    losses = [np.logaddexp(0, (1 - 2 * truth) * logits).sum(1) for logits in ((after - offsets) / slopes, after)]
    gains: Floats = losses[0] - losses[1]
    return gains


def _weak_findings(found: Labels) -> Iterator[Finding]:
    if not found.weak:
        yield Finding("Labels", "none is weak", "even", Markup("No label lies clearly below the mean F1."))
        return
    shown = found.weak if len(found.weak) <= NAMED else [*found.weak[:NAMED], "more"]
    lie = text.plural(len(found.weak), "label lies", "labels lie")
    yield Finding("Labels", "some are weak", "bad", say("{} clearly below the mean F1: {}.", lie, text.listed(shown)))


def _figures(classifier: ClassifierRuns) -> list[Figure]:
    seed = tables.seed(classifier)
    return tables.figures(
        classifier,
        {
            "labels.png": ("F1 and average precision by label", f"Each label{seed}: F1 and average precision."),
            "precision_recall.png": (
                "Precision-recall curves",
                f"Precision and recall{seed} of the labels with the lowest average precision, a dot at each threshold.",
            ),
            "curves.png": ("Training curves", f"Training{seed}: loss, F1 and mAP by epoch."),
            **tables.NETWORK,
        },
    )
