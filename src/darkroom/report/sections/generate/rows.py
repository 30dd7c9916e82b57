"""The generators of rows side by side: what samples are worth as training data, copies, columns, cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, rows
from darkroom.report.results import Method, Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.generate import tables
from darkroom.report.sections.generate.tables import COPIES_GROUPS, copies, memorizing
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, bracketed, tile
from darkroom.report.words.text import say

UTILITY = "utility"
"""What metrics.json of rows has, and that of images has not."""
MEASURES = {
    "accuracy": ("Accuracy", "percent"),
    "balanced_accuracy": ("Balanced accuracy", "percent"),
    "macro_auroc": ("AUROC", "decimal"),
    "average_precision": ("Average precision", "decimal"),
}
JUDGED = "average_precision"
"""The measure that generators are ranked by."""
FIGURES = {
    "marginals.png": ("Columns", "Distribution of the first columns among test rows and samples."),
    "curves.png": ("Training curves", "Losses and other training curves."),
}


@dataclass(frozen=True)
class RowGenerators:
    """The section's content; `ranked` is by what samples are worth as training data, best first."""

    ranked: list[Method]
    rows: int
    seeds: int
    estimator: str
    reason: str
    utility: Table | None
    ratios: Chart | None
    copies: Table
    columns: Table
    cost: Table
    figures: list[tuple[str, list[Figure]]]

    @property
    def best(self) -> Method:
        return self.ranked[0]


def read(results: Results) -> RowGenerators | None:
    """Rank the generators; None if there are none, or they are of images."""
    if not results.generators or UTILITY not in results.generators[0].first.metrics:
        return None

    def order(method: Method) -> tuple[float, float]:
        worth, apart = _worth(method).value, method.share("columns", "mean").value
        return (float("inf") if worth is None else -worth, float("inf") if apart is None else apart)

    ranked = sorted(results.generators, key=order)
    known = [m for m in ranked if _worth(m).value is not None]
    first = ranked[0].first.metrics
    return RowGenerators(
        ranked=ranked,
        rows=int(first.get("items", 0)),
        seeds=max(len(m.runs) for m in ranked),
        estimator=str(first.get("estimator", "")),
        reason=_worth(ranked[0]).reason,
        utility=_utility(known) if known else None,
        ratios=chart.numbers([(m.title, _worth(m)) for m in known], "ratio", chosen=0) if len(known) > 1 else None,
        copies=_copies(ranked),
        columns=_columns(ranked),
        cost=tables.cost(ranked),
        figures=[(m.title, [*_figures(m)]) for m in ranked],
    )


def answer(found: RowGenerators) -> Answer:
    """Head the page with what the best generator's samples are worth."""
    best, worth = found.best, _worth(found.best)
    if worth.value is None:
        headline = say("<b>{}</b> generates rows; what they are worth is unknown: {}", best.title, worth.reason)
    else:
        headline = say("Trained on samples of <b>{}</b>, <b>{}</b> reaches", best.title, found.estimator)
        headline += say(" <b>{}</b> the average precision that real rows give", text.plain(worth, "ratio"))
        headline += bracketed(worth, "ratio")
    tiles = [tile("Average precision relative to training on real rows", worth, "ratio", best.title)]
    return Answer(headline, tiles=tiles, findings=[*_ranking(found), *memorizing(found.ranked)])


SECTION = Section("generated_rows", "Generate", read, answer, rank=3)


def _worth(method: Method) -> Number:
    if isinstance(reason := method.first.metrics[UTILITY].get("reason"), str):
        return Number(reason=reason)
    return method.number(UTILITY, "ratio", JUDGED)


def _utility(known: Sequence[Method]) -> Table:
    """Tabulate the estimator trained on samples of each generator, below the same trained on real rows."""

    def line(method: Method, part: str) -> list[Cell]:
        return [cell(method.share(UTILITY, part, name), style) for name, (_, style) in MEASURES.items()]

    ratios = ("macro_auroc", JUDGED)
    lines = [
        [*line(m, "synthetic"), *(cell(m.number(UTILITY, "ratio", name), "ratio") for name in ratios)] for m in known
    ]
    real = Row("real rows", [*line(known[0], "real"), *(Cell(text.DASH) for _ in ratios)])
    titles = [title + (", %" if style == "percent" else "") for title, style in MEASURES.values()]
    columns = [*titles, *(MEASURES[name][0] for name in ratios)]
    groups = [("On the test rows", len(MEASURES)), ("Relative to real rows, ×", len(ratios))]
    return Table("Trained on", columns, [real, *rows([m.title for m in known], lines, chosen=known[0].title)], groups)


def _copies(ranked: Sequence[Method]) -> Table:
    """Tabulate near-copies of training rows, and rows that equal one."""
    lines = [[*copies(m), cell(m.share("memorization", "equal", "samples"), "percent")] for m in ranked]
    groups = [(title, len(columns)) for title, columns in COPIES_GROUPS.items()]
    columns = [column for columns in COPIES_GROUPS.values() for column in columns]
    return Table(
        "Generator",
        [*columns, "among samples, %"],
        rows([m.title for m in ranked], lines),
        [*groups, ("Equal to a training row", 1)],
    )


def _columns(ranked: Sequence[Method]) -> Table:
    """Tabulate how far the columns of samples are from those of test rows, and the column that is farthest."""
    lines = []
    for m in ranked:
        line = [cell(m.share("columns", key), "decimal") for key in ("mean", "mean_floor")]
        apart = {name: float(each["distance"]) for name, each in m.first.metrics["columns"]["of"].items()}
        worst = max(apart, key=lambda name: apart[name])
        lines.append([*line, Cell(text.decimal(apart[worst]), worst)])
    columns = ["Mean distance of columns", "of training rows", "Largest"]
    return Table("Generator", columns, rows([m.title for m in ranked], lines))


def _ranking(found: RowGenerators) -> Iterator[Finding]:
    best, worth = found.best, _worth(found.best)
    if worth.value is None:
        return
    words = say("Samples of <b>{}</b> are worth the most as training data", best.title)
    words += say(": {} reaches {} the average precision", found.estimator, text.full(worth, "ratio"))
    words += Markup(" that it reaches with as many real rows.")
    verdict, tone = "measured", "note"
    if worth.high is not None and worth.high < 1:
        verdict, tone = "clearly less than real rows", "even"
    if len(found.ranked) > 1 and (other := _worth(found.ranked[1])).value is not None:
        words += say(" Next is <b>{}</b> with {}.", found.ranked[1].title, text.full(other, "ratio"))
    yield Finding("Generation", verdict, tone, words)


def _figures(method: Method) -> Iterator[Figure]:
    for name, (what, caption) in FIGURES.items():
        yield from figure(method.first.evaluation_folder / name, f"{what} of {method.title}", caption)
