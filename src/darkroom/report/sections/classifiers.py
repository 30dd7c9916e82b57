"""The classifiers: which one is best, what each choice brought, where the best one errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.report.comparisons import Effect, network_effects, policy_effects, ranking
from darkroom.report.intervals import Number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, seconds
from darkroom.report.results import Classifier, Results
from darkroom.report.sections import imbalance, tta
from darkroom.report.sections.imbalance import Imbalance
from darkroom.report.sections.tta import Tta
from darkroom.report.words import text

MIXED_UP = 5
"""How many of the most frequent confusions are named."""


@dataclass(frozen=True)
class MixUp:
    """Test images of one class taken for another, over all seeds."""

    true: str
    predicted: str
    times: int


@dataclass(frozen=True)
class Classifiers:
    """The section's content; `ranked` is best first."""

    ranked: list[Classifier]
    ranks: dict[tuple[str, ...], Number]
    by_validation: bool
    items: int
    seeds: int
    accuracy: Chart
    policy_effects: list[Effect]
    network_effects: list[Effect]
    effects: Chart | None
    right: Table
    trust: Table
    cost: Table
    tta: Tta | None
    imbalance: Imbalance | None
    classes: Table
    weak: list[str]
    lowest: tuple[str, Number] | None
    mixed_up: list[MixUp]
    figures: list[Figure]
    others: list[tuple[str, list[Figure]]]

    @property
    def best(self) -> Classifier:
        return self.ranked[0]


def section(results: Results) -> Classifiers | None:
    """None when there is no classifier to show."""
    if not results.classifiers:
        return None
    ranked, ranks, by_validation = ranking(results.classifiers)
    best = ranked[0]
    policies, networks = policy_effects(ranked), network_effects(ranked)
    effects = [(f"{e.to.model} over {e.base.model}", e.difference) for e in networks]
    effects += [(f"{e.to.policy} for {e.to.model}", e.difference) for e in policies]
    scored = [(c.title, c.share("views", "plain", "raw", "accuracy")) for c in ranked]
    classes, weak, lowest = _per_class(best)
    return Classifiers(
        ranked=ranked,
        ranks=ranks,
        by_validation=by_validation,
        items=int(best.first.metrics.get("items", 0)),
        seeds=max(len(c.runs) for c in ranked),
        accuracy=chart.numbers(scored, "percent", chosen=0),
        policy_effects=policies,
        network_effects=networks,
        effects=chart.differences(effects, "percent") if effects else None,
        right=_right(ranked, ranks, by_validation),
        trust=_trust(ranked),
        cost=_cost(ranked),
        tta=tta.subsection(ranked, results),
        imbalance=imbalance.subsection(ranked, results),
        classes=classes,
        weak=weak,
        lowest=lowest,
        mixed_up=_mixed_up(best),
        figures=_figures(best),
        others=[(c.title, _figures(c)) for c in ranked[1:]],
    )


def _rows(ranked: Sequence[Classifier], cells: list[list[Cell]]) -> list[Row]:
    return [
        Row(c.title, line, chosen=i == 0 and len(ranked) > 1)
        for i, (c, line) in enumerate(zip(ranked, cells, strict=True))
    ]


def _right(ranked: Sequence[Classifier], ranks: dict[tuple[str, ...], Number], by_validation: bool) -> Table:
    """How often it is right."""
    columns = ["Accuracy, %", "Balanced accuracy, %", "Macro F1, %", "Macro AUROC"]
    columns = (["Validation accuracy, %"] if by_validation else []) + columns
    cells = []
    for c in ranked:
        plain = {m: c.share("views", "plain", "raw", m) for m in ("accuracy", "balanced_accuracy", "macro_f1")}
        line = [cell(ranks[c.keys], "percent")] if by_validation else []
        line += [cell(n, "percent") for n in plain.values()]
        line.append(cell(c.share("views", "plain", "raw", "macro_auroc"), "decimal"))
        cells.append(line)
    return Table("Classifier", columns, _rows(ranked, cells))


def _trust(ranked: Sequence[Classifier]) -> Table:
    """How far its probabilities can be trusted, before and after temperature scaling."""
    groups = {"ece": "ECE", "nll": "NLL, nats", "brier": "Brier score"}
    cells = []
    for c in ranked:
        line = [
            cell(c.number("views", "plain", stage, m, bounds=(0, np.inf)), "decimal")
            for m in groups
            for stage in ("raw", "calibrated")
        ]
        cells.append([*line, cell(c.number("temperature", "plain"), "compact")])
    columns = ["before", "after"] * len(groups) + ["Temperature"]
    return Table("Classifier", columns, _rows(ranked, cells), [(title, 2) for title in groups.values()] + [("", 1)])


def _cost(ranked: Sequence[Classifier]) -> Table:
    cells = []
    for c in ranked:
        parameters = c.measured("model", "parameters")
        line = [
            Cell(text.count(parameters.value)) if parameters.value is not None else cell(parameters, "compact"),
            seconds(c.measured("model_timing", "seconds")),
            cell(c.measured("model_timing", "images_per_second"), "compact"),
            cell(c.measured("timing", "ms_per_image", "plain"), "compact"),
        ]
        cells.append([*line, Cell(str(c.first.model.get("precision", text.DASH)))])
    columns = ["Parameters", "Training", "Training images a second", "ms an image", "Precision"]
    return Table("Classifier", columns, _rows(ranked, cells))


def _per_class(best: Classifier) -> tuple[Table, list[str], tuple[str, Number] | None]:
    """The classes of the best classifier; weak is one whose F1 interval lies wholly below the mean F1 of all classes."""
    names = best.named("per_class", "plain")
    scores = {name: best.share("per_class", "plain", name, "f1") for name in names}
    mean = best.share("views", "plain", "raw", "macro_f1").value
    weak = [n for n, f1 in scores.items() if mean is not None and f1.high is not None and f1.high < mean]
    known = [(name, f1) for name, f1 in scores.items() if f1.value is not None]
    lowest = min(known, key=lambda pair: pair[1].value or 0.0) if known else None
    drawn = chart.numbers(list(scores.items()), "percent")
    rows = []
    for name, mark in zip(names, drawn.marks, strict=True):
        support = best.measured("metrics", "per_class", "plain", name, "support")
        cells = [Cell("", mark=mark), cell(scores[name], "percent")]
        cells += [cell(best.share("per_class", "plain", name, m), "percent") for m in ("precision", "recall")]
        cells.append(Cell(text.count(support.value)) if support.value is not None else cell(support, "compact"))
        rows.append(Row(name, cells, badge="weak" if name in weak else ""))
    return Table("Class", ["", "F1, %", "Precision, %", "Recall, %", "Test images"], rows), weak, lowest


def _mixed_up(best: Classifier) -> list[MixUp]:
    names = best.named("per_class", "plain")
    total = np.zeros((len(names), len(names)), int)
    for run in best.runs:
        counts = np.asarray(run.metrics.get("confusion", {}).get("plain", []))
        if counts.shape == total.shape:
            total += counts
    np.fill_diagonal(total, 0)
    order = np.argsort(-total, axis=None, kind="stable")[:MIXED_UP]
    pairs = [divmod(int(flat), len(names)) for flat in order] if names else []
    return [MixUp(names[t], names[p], int(total[t, p])) for t, p in pairs if total[t, p]]


def _figures(classifier: Classifier) -> list[Figure]:
    root, title = classifier.first.evaluation_folder, classifier.title
    seed = f", seed {classifier.first.seed}" if len(classifier.runs) > 1 else ""
    return [
        *figure(
            root / "confusion.png",
            f"Confusion matrix of {title}",
            f"Confusion matrix{seed}: true class by row, predicted class by column.",
        ),
        *figure(root / "curves.png", f"Training curves of {title}", f"Training{seed}: loss and accuracy by epoch."),
        *figure(
            root / "reliability.png",
            f"Reliability diagram of {title}",
            f"Reliability{seed}: how often it is right at each confidence; on the diagonal, confidence can be believed.",
        ),
    ]
