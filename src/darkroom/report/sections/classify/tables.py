"""Tables of the classifiers: accuracy, calibration, cost, and the classes of the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from darkroom.measure.intervals import Number
from darkroom.report.comparisons import ACCURACY, Effect, Score
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import SIZES, Cell, Figure, Row, Table, cell, figure, rows, seconds, size
from darkroom.report.results import ClassifierRuns
from darkroom.report.sections.classify.calibration import scaled_at_all
from darkroom.report.words import text
from darkroom.report.words.nouns import worded

CONFUSIONS = 5
"""The most frequent confusions that are named."""
MOST_GROUPS = 20
"""Most groups in a table."""


@dataclass(frozen=True)
class Confusion:
    """Test images of one class that were predicted as another, summed over seeds."""

    true: str
    predicted: str
    images: int


@dataclass(frozen=True)
class Classes:
    """The classes of one classifier; weak ones have their whole F1 interval below the mean F1 of all classes."""

    table: Table
    weak: list[str]
    lowest: tuple[str, Number] | None


def accuracy(ranked: Sequence[ClassifierRuns], ranks: dict[tuple[str, ...], Number], by_validation: bool) -> Table:
    """Tabulate how often each classifier is right."""
    columns = ["Accuracy, %", "Balanced accuracy, %", "Macro F1, %", "Macro AUROC"]
    columns = (["Validation accuracy, %"] if by_validation else []) + columns
    cells = []
    for c in ranked:
        line = [cell(ranks[c.keys], "percent")] if by_validation else []
        for name in ("accuracy", "balanced_accuracy", "macro_f1"):
            line.append(cell(c.share("views", "plain", "raw", name), "percent"))
        cells.append([*line, cell(c.share("views", "plain", "raw", "macro_auroc"), "decimal")])
    return by_classifier(ranked, columns, cells)


def calibration(ranked: Sequence[ClassifierRuns]) -> Table:
    """Tabulate how far the probabilities can be trusted, before and after temperature scaling."""
    groups = {"ece": "ECE", "nll": "NLL, nats", "brier": "Brier score"}
    cells = []
    for c in ranked:
        scaled, kept = scaled_at_all(c), cell(Number(reason="not scaled"), "decimal")
        line = []
        for score in groups:
            before, after = (
                cell(c.number("views", "plain", stage, score, bounds=(0, np.inf)), "decimal")
                for stage in ("raw", "calibrated")
            )
            line += [before, after if scaled else kept]
        cells.append([*line, cell(c.number("temperature", "plain", bounds=(0, np.inf)), "compact") if scaled else kept])
    columns = ["before", "after"] * len(groups) + ["Temperature"]
    return by_classifier(ranked, columns, cells, [(title, 2) for title in groups.values()] + [("", 1)])


def cost(ranked: Sequence[ClassifierRuns]) -> Table:
    """Tabulate size and times."""
    cells = []
    for c in ranked:
        counts = [c.measured("model", *path) for path in SIZES]
        line = [size(*counts), seconds(c.measured("model_timing", "seconds"))]
        line.append(cell(c.measured("model_timing", "images_per_second"), "compact"))
        line.append(cell(c.measured("timing", "ms_per_image", "plain"), "compact"))
        cells.append([*line, Cell(str(c.first.model.get("precision", text.DASH)))])
    return by_classifier(ranked, ["Parameters", "Training", "Training images/s", "ms per image", "Precision"], cells)


def classes(best: ClassifierRuns) -> Classes:
    """Tabulate the classes of a classifier, and find the weak ones."""
    names = best.named("per_class", "plain")
    scores = {name: best.share("per_class", "plain", name, "f1") for name in names}
    mean = best.share("views", "plain", "raw", "macro_f1").value
    weak = [n for n, f1 in scores.items() if mean is not None and f1.high is not None and f1.high < mean]
    known = [(name, f1) for name, f1 in scores.items() if f1.value is not None]
    drawn = chart.numbers(list(scores.items()), "percent")
    found = []
    for name, mark in zip(names, drawn.marks, strict=True):
        cells = [Cell("", mark=mark), cell(scores[name], "percent")]
        measures = ("precision", "recall", "average_precision", "recall_at_precision")
        cells += [cell(best.share("per_class", "plain", name, m), "percent") for m in measures]
        cells.append(cell(best.measured("metrics", "per_class", "plain", name, "support"), "count"))
        found.append(Row(name, cells, badge="weak" if name in weak else ""))
    return Classes(
        Table(
            "Class",
            [
                "",
                "F1, %",
                "Precision, %",
                "Recall, %",
                "Average precision, %",
                "Recall at precision .9, %",
                "Test images",
            ],
            found,
        ),
        weak,
        min(known, key=lambda pair: pair[1].value or 0.0) if known else None,
    )


def groups(best: ClassifierRuns) -> Table | None:
    """Tabulate a classifier's accuracy in the groups of the source, the lowest first; None if the test split has no groups."""
    table = worst_groups(best, {"Accuracy, %": "accuracy"}, lambda name, key: best.share("by_group", name, key))
    if table is None:
        return None
    found = []
    for row in table.rows:
        known = best.first.metrics["by_group"][row.title]["confusions"]
        wrong = ", ".join(f"{each['true']} as {each['predicted']} ({each['items']})" for each in known)
        found.append(replace(row, cells=[*row.cells, Cell(wrong or text.DASH)]))
    return Table(table.first, [*table.columns, "Most frequent confusions"], found)


def worst_groups(
    best: ClassifierRuns,
    measures: Mapping[str, str],
    score: Callable[[str, str], Number],
    *,
    style: str = "percent",
    errors: bool = False,
) -> Table | None:
    """Tabulate measures in the groups of the source, the worst by the first one first; None if the test split has no groups.

    `measures` are their keys by the title of the column, `score` gives one of a group. The worst are the lowest ones, or the
    highest `errors`.
    """
    names, sign = best.named("by_group"), -1 if errors else 1
    scores = {name: [score(name, key) for key in measures.values()] for name in names}
    found = []
    for name in sorted(names, key=lambda name: sign * (scores[name][0].value or 0.0))[:MOST_GROUPS]:
        items = cell(best.measured("metrics", "by_group", name, "items"), "count")
        found.append(Row(name, [*(cell(one, style) for one in scores[name]), items]))
    first = "Group" if len(found) == len(names) else f"{len(found)} worst of {len(names)} groups"
    return Table(first, [*measures, "Test items"], found) if found else None


def confusions(best: ClassifierRuns) -> list[Confusion]:
    """List the most frequent confusions of a classifier."""
    names = best.named("per_class", "plain")
    total = np.zeros((len(names), len(names)), int)
    for run in best.runs:
        counts = np.asarray(run.metrics.get("confusion", {}).get("plain", []))
        if counts.shape == total.shape:
            total += counts
    np.fill_diagonal(total, 0)
    order = np.argsort(-total, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [divmod(int(flat), len(names)) for flat in order] if names else []
    return [Confusion(names[t], names[p], int(total[t, p])) for t, p in pairs if total[t, p]]


def by_classifier(
    ranked: Sequence[ClassifierRuns],
    columns: list[str],
    cells: list[list[Cell]],
    groups: Sequence[tuple[str, int]] = (),
) -> Table:
    """Build a table with a row of cells for each classifier, the first one chosen."""
    titles = [c.title for c in ranked]
    return Table("Classifier", columns, rows(titles, cells, chosen=titles[0]), list(groups))


def effects(networks: Sequence[Effect], policies: Sequence[Effect], score: Score = ACCURACY) -> Chart | None:
    """Chart how much better networks and policies are than what they are compared with; None if nothing is compared."""
    found = [(f"{e.to.model} over {e.base.model}, {e.to.policy}", e.difference) for e in networks]
    found += [(f"{e.to.policy} over {e.base.policy}, {e.to.model}", e.difference) for e in policies]
    return chart.differences(found, score.style) if found else None


def expected(classifier: ClassifierRuns, *path: str) -> Cell:
    """Return the range of coverage that the number of validation images gives prediction sets or intervals."""
    low, high = (classifier.measured("metrics", *path, "expected", end).value for end in ("low", "high"))
    return Cell(text.DASH) if low is None or high is None else Cell(text.interval(Number(0, low, high), "percent"))


def seed(classifier: ClassifierRuns) -> str:
    """Name the seed that a figure shows, for the caption; empty if there is only one."""
    return f", seed {classifier.first.seed}" if len(classifier.runs) > 1 else ""


NETWORK = {
    "network.png": (
        "Diagram",
        "The network from the image to its outputs: the shape that each layer gives, and in blue its number of parameters.",
    ),
    "layers.png": (
        "Diagnostics by layer",
        "Each line is a layer. A gradient that shrinks from the last layer to the first vanishes; updates far from 0.001 of the "
        "weights (dashed) suggest another learning rate; dead and saturated units pass no gradient.",
    ),
}
"""Figures of the network, which classifiers of any target may have."""


def figures(classifier: ClassifierRuns, shown: Mapping[str, tuple[str, str]]) -> list[Figure]:
    """Return the figures of an evaluation by file, each with what it shows and its caption, without those it did not draw."""
    folder, title = classifier.first.evaluation_folder, classifier.title
    found = (figure(folder / name, f"{what} of {title}", worded(caption)) for name, (what, caption) in shown.items())
    return [one for each in found for one in each]
