"""Models that predict numbers: which one is best, what each choice gained, and how far off it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, Number
from darkroom.report.comparisons import Effect, Score, network_effects, over_images, policy_effects, ranking
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell
from darkroom.report.results import ClassifierRuns, Results, Run
from darkroom.report.section import Answer
from darkroom.report.sections.classify import findings, tables, tta, why
from darkroom.report.sections.classify.findings import titled
from darkroom.report.sections.classify.why import Why
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, bracketed, tile, verdict
from darkroom.report.words.text import say

Floats = NDArray[np.float64]
MEAN_OF_SEVERAL = "mean absolute error in standard deviations"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
MOST_NUMBERS = 6
"""Numbers with a column in the table of groups."""


@dataclass(frozen=True)
class Numbers:
    """The section's content; `ranked` is best first."""

    ranked: list[ClassifierRuns]
    ranks: dict[tuple[str, ...], Number]
    by_validation: bool
    score: Score
    images: int
    seeds: int
    names: list[str]
    chart: Chart
    policies: list[Effect]
    networks: list[Effect]
    baseline: str | None
    effects: Chart | None
    accuracy: Table
    each: Table
    groups: Table | None
    cost: Table
    tta: tta.Merged | None
    figures: list[Figure]
    others: list[tuple[str, list[Figure]]]
    why: Why | None
    template: str = "numbers.html"

    @property
    def best(self) -> ClassifierRuns:
        return self.ranked[0]


def read(results: Results) -> Numbers:
    """Rank and compare the models."""
    names = results.classifiers[0].named("per_number", "plain")
    score = _score(names)
    ranked, ranks, by_validation = ranking(results.classifiers, score)
    best, baseline = ranked[0], (results.config.get("classify") or {}).get("baseline")
    policies, networks = policy_effects(ranked, score), network_effects(ranked, baseline, score)
    return Numbers(
        ranked=ranked,
        ranks=ranks,
        by_validation=by_validation,
        score=score,
        images=int(best.first.metrics.get("items", 0)),
        seeds=max(len(c.runs) for c in ranked),
        names=names,
        chart=chart.numbers([(c.title, _r2(c)) for c in ranked], "percent", chosen=0),
        policies=policies,
        networks=networks,
        baseline=baseline,
        effects=tables.effects(networks, policies, score),
        accuracy=_accuracy(ranked, ranks, by_validation, names),
        each=_each(best, names),
        groups=_groups(best, names),
        cost=tables.cost(ranked),
        tta=tta.merged(ranked, _tta(ranked, score)),
        figures=_figures(best),
        others=[(c.title, _figures(c)) for c in ranked[1:]],
        why=why.subsection(ranked, results),
    )


def answer(found: Numbers) -> Answer:
    """Head the page with the best model's mean absolute error, or R² of several numbers."""
    best, r2 = found.best, _r2(found.best)
    if len(found.names) == 1:
        mae = best.number("views", "plain", "mae", bounds=(0, np.inf))
        headline = say("{} predicts <b>{}</b> with a mean absolute error of", titled(best), found.names[0])
        headline += say(" <b>{}</b> on {}", text.plain(mae, "compact"), text.plural(found.images, "test image"))
        headline += bracketed(mae, "compact")
    else:
        headline = say("{} explains <b>{}</b> of the variance of", titled(best), text.plain(r2, "percent"))
        headline += say(" {} on {}", text.listed(found.names), text.plural(found.images, "test image"))
        headline += bracketed(r2, "percent")
    score = findings.remedies if found.baseline else findings.networks
    return Answer(
        headline,
        findings.basis(found.ranked, found.ranks, found.by_validation, seeds=found.seeds, score=found.score),
        found.chart if len(found.ranked) > 1 else None,
        "Variance explained (R\N{SUPERSCRIPT TWO})",
        [tile("Variance explained (R\N{SUPERSCRIPT TWO})", r2, "percent", best.title)],
        [
            *_fit_findings(best, found.names),
            *score(found.networks, found.score),
            *findings.policies(found.policies, best, found.score),
            *_tta_findings(best, found.score),
            *_interval_findings(best, found.names),
            *why.findings(found.why, best),
        ],
    )


def _score(names: Sequence[str]) -> Score:
    """Absolute errors: of one number in its units, of several in standard deviations of the test images."""
    one = len(names) == 1
    part, name = ("mae", "mean absolute error") if one else ("standardized_mae", MEAN_OF_SEVERAL)
    return Score(name, part, ("views", "plain", part), name, _gains, style="compact", lower=True, noun="model")


def _gains(run: Run, other: Run, views: tuple[str, str] = ("plain", "plain")) -> Floats | None:
    """How much smaller the absolute error of each test image is; several numbers in standard deviations, averaged."""
    to, base = _errors(run, views[0]), _errors(other, views[1])
    return None if to is None or base is None or to.shape != base.shape else (base - to).mean(1)


def _errors(run: Run, view: str) -> Floats | None:
    table = run.table("predictions.parquet")
    if table is None:
        return None
    truth, predicted = (table.filter(regex=f"^{part}_").to_numpy(float) for part in ("true", f"prediction_{view}"))
    if truth.shape != predicted.shape:
        return None
    spread = truth.std(0) if truth.shape[1] > 1 else np.ones(1)
    errors: Floats = np.abs(predicted - truth) / np.where(spread > 0, spread, 1)
    return errors


def _r2(classifier: ClassifierRuns) -> Number:
    return classifier.number("views", "plain", "r2", bounds=(-np.inf, 1))


def _accuracy(
    ranked: Sequence[ClassifierRuns],
    ranks: dict[tuple[str, ...], Number],
    by_validation: bool,
    names: Sequence[str],
) -> Table:
    several = len(names) > 1
    parts = {"standardized_mae": "MAE, standard deviations"} if several else {"mae": "MAE", "rmse": "RMSE"}
    cells = []
    for c in ranked:
        line = [cell(ranks[c.keys], "compact")] if by_validation else []
        line += [cell(c.number("views", "plain", part, bounds=(0, np.inf)), "compact") for part in parts]
        cells.append([*line, cell(_r2(c), "percent")])
    columns = [*(["Validation MAE"] if by_validation else []), *parts.values(), "R\N{SUPERSCRIPT TWO}, %"]
    return tables.by_classifier(ranked, columns, cells)


def _groups(best: ClassifierRuns, names: Sequence[str]) -> Table | None:
    """Tabulate the mean absolute errors in the groups of the source."""
    measures = {f"MAE, {name}": f"mae/{m}" for m, name in enumerate(names[:MOST_NUMBERS])}
    return tables.worst_groups(
        best,
        measures,
        lambda name, key: best.number("by_group", name, key, bounds=(0, np.inf)),
        style="compact",
        errors=True,
    )


def _each(best: ClassifierRuns, names: Sequence[str]) -> Table:
    """Tabulate each number of a model: errors in units, and the interval around a prediction."""
    rows = []
    for name in names:
        path, sets = ("per_number", "plain", name), ("conformal", "plain", name)
        cells = [cell(best.number(*path, part, bounds=(0, np.inf)), "compact") for part in ("mae", "rmse")]
        cells.append(cell(best.number(*path, "r2", bounds=(-np.inf, 1)), "percent"))
        cells.append(cell(best.measured("metrics", *path, "standard_deviation"), "compact"))
        width, coverage = best.measured("metrics", *sets, "half_width"), best.share(*sets, "coverage")
        plus = f"{PLUS_MINUS}{text.THIN}{text.compact(width.value)}" if width.value is not None else text.DASH
        cells.append(Cell(plus))
        cells += [cell(coverage, "percent"), tables.expected(best, *sets)]
        rows.append(Row(name, cells))
    columns = [
        "MAE",
        "RMSE",
        "R\N{SUPERSCRIPT TWO}, %",
        "Spread of the test images",
        "Interval",
        "Coverage, %",
        "Expected, %",
    ]
    return Table("Number", columns, rows, [("", 4), ("90% interval", 3)])


def _tta(ranked: Sequence[ClassifierRuns], score: Score) -> Table:
    part, name = score.test[-1], "Mean absolute error" if score.test[-1] == "mae" else "MAE, standard deviations"
    rows = []
    for c in ranked:
        if "tta" not in c.first.metrics:
            continue
        cells = [cell(c.number("views", view, part, bounds=(0, np.inf)), "compact") for view in ("plain", "tta")]
        gain = _gain(c)
        if gain is not None:
            tone = ("good" if gain.value > 0 else "bad") if gain.clear else ""
            down = findings.shown(gain, score)
            cells.append(Cell(text.signed(down.value, "compact"), text.span(down, "compact"), tone))
        else:
            cells.append(Cell(text.DASH, "nothing to compare", "none"))
        rows.append(Row(c.title, [*cells, *tta.times(c)], chosen=c is ranked[0] and len(ranked) > 1))
    columns = ["plain", "with TTA", "change", "plain", "with TTA", "ratio"]
    return Table("Model", columns, rows, [(name, 3), ("ms per image", 3)])


def _gain(classifier: ClassifierRuns) -> Difference | None:
    """How much TTA lowers the absolute error."""
    return over_images([(run, run) for run in classifier.runs], partial(_gains, views=("tta", "plain")), shares=False)


def _fit_findings(best: ClassifierRuns, names: Sequence[str]) -> Iterator[Finding]:
    """Compare with predicting the mean of the test images: R² of each number."""
    r2 = {name: best.number("per_number", "plain", name, "r2", bounds=(-np.inf, 1)) for name in names}
    known = {name: one for name, one in r2.items() if one.value is not None and one.low is not None}
    useless = [name for name, one in known.items() if (one.low or 0) <= 0]
    if useless:
        words = say("{} predicts {} not clearly better than their mean does.", titled(best), text.listed(useless))
        yield Finding("Fit", "no clear fit", "bad", words)
    elif known:
        shares = [f"{text.full(share, 'percent')} of the variance of {name}" for name, share in known.items()]
        words = say("{} explains {}", titled(best), text.listed(shares)) + Markup(".")
        yield Finding("Fit", "better than the mean", "good", words)


def _tta_findings(best: ClassifierRuns, score: Score) -> Iterator[Finding]:
    gain = _gain(best)
    if gain is not None and "tta" in best.first.metrics:
        words = say("TTA changes the {} of {} by", score.name, titled(best))
        words += say(" {}.", text.points(findings.shown(gain, score), "compact"))
        yield Finding("TTA", *verdict(gain), words)


def _interval_findings(best: ClassifierRuns, names: Sequence[str]) -> Iterator[Finding]:
    """Say how wide the intervals around predictions are, and whether they hold the truth as often as promised."""
    for name in names[: findings.MOST]:
        width = best.measured("metrics", "conformal", "plain", name, "half_width").value
        coverage = best.share("conformal", "plain", name, "coverage")
        if width is None or coverage.value is None:
            continue
        low = coverage.high is not None and coverage.high < 0.9
        words = say("The true {} should lie within {}{}", name, PLUS_MINUS, text.compact(width))
        words += say(" of the prediction of {}", titled(best))
        words += say(" for 90% of images; it does for <b>{}</b> of the test images.", text.full(coverage, "percent"))
        yield Finding("Interval", "covers too little" if low else "as expected", "bad" if low else "good", words)


def _figures(classifier: ClassifierRuns) -> list[Figure]:
    seed = tables.seed(classifier)
    return tables.figures(
        classifier,
        {
            "predicted.png": (
                "Predicted against true numbers",
                f"Predicted against true{seed}; the band is the 90% interval around the diagonal.",
            ),
            "residuals.png": ("Residuals", f"Residuals{seed}: predicted minus true, by prediction."),
            "curves.png": ("Training curves", f"Training{seed}: loss and mean absolute error by epoch."),
            **tables.NETWORK,
        },
    )
