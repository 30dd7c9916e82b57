"""Classifiers of one class per image: which one is best, what each choice gained, and where the best one errs."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.measure.intervals import Number
from darkroom.report.comparisons import Effect, network_effects, policy_effects, ranking
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Figure, Table
from darkroom.report.results import ClassifierRuns, Results
from darkroom.report.section import Answer
from darkroom.report.sections.classify import calibration, doubt, findings, imbalance, semi, tables, tta, why
from darkroom.report.sections.classify.doubt import Doubt
from darkroom.report.sections.classify.findings import titled
from darkroom.report.sections.classify.imbalance import Imbalance
from darkroom.report.sections.classify.semi import SemiSupervised
from darkroom.report.sections.classify.tables import Classes, Confusion
from darkroom.report.sections.classify.tta import Tta
from darkroom.report.sections.classify.why import Why
from darkroom.report.words import text
from darkroom.report.words.finding import bracketed, tile
from darkroom.report.words.text import say


@dataclass(frozen=True)
class Classifiers:
    """The section's content; `ranked` is best first."""

    ranked: list[ClassifierRuns]
    ranks: dict[tuple[str, ...], Number]
    by_validation: bool
    images: int
    seeds: int
    accuracies: Chart
    policies: list[Effect]
    networks: list[Effect]
    baseline: str | None
    effects: Chart | None
    accuracy: Table
    calibration: Table
    doubt: Doubt | None
    cost: Table
    tta: Tta | None
    imbalance: Imbalance | None
    semi: SemiSupervised | None
    classes: Classes
    confusions: list[Confusion]
    groups: Table | None
    figures: list[Figure]
    others: list[tuple[str, list[Figure]]]
    why: Why | None
    template: str = "one_class.html"

    @property
    def best(self) -> ClassifierRuns:
        return self.ranked[0]


def read(results: Results) -> Classifiers:
    """Rank and compare the classifiers."""
    ranked, ranks, by_validation = ranking(results.classifiers)
    best = ranked[0]
    baseline = (results.config.get("classify") or {}).get("baseline")
    policies, networks = policy_effects(ranked), network_effects(ranked, baseline)
    scored = [(c.title, c.share("views", "plain", "raw", "accuracy")) for c in ranked]
    return Classifiers(
        ranked=ranked,
        ranks=ranks,
        by_validation=by_validation,
        images=int(best.first.metrics.get("items", 0)),
        seeds=max(len(c.runs) for c in ranked),
        accuracies=chart.numbers(scored, "percent", chosen=0),
        policies=policies,
        networks=networks,
        baseline=baseline,
        effects=tables.effects(networks, policies),
        accuracy=tables.accuracy(ranked, ranks, by_validation),
        calibration=tables.calibration(ranked),
        doubt=doubt.subsection(ranked),
        cost=tables.cost(ranked),
        tta=tta.subsection(ranked, results),
        imbalance=imbalance.subsection(ranked, results),
        semi=semi.subsection(ranked, results),
        classes=tables.classes(best),
        confusions=tables.confusions(best),
        groups=tables.groups(best),
        figures=_figures(best),
        others=[(c.title, _figures(c)) for c in ranked[1:]],
        why=why.subsection(ranked, results),
    )


def answer(found: Classifiers) -> Answer:
    """Head the page with the best classifier's accuracy."""
    best = found.best
    accuracy = best.share("views", "plain", "raw", "accuracy")
    shown = text.plain(accuracy, "percent") if accuracy.value is not None else "an unknown share"
    headline = say(
        "{} classifies <b>{}</b> of {} correctly", titled(best), shown, text.plural(found.images, "test image")
    )
    ece = best.number("views", "plain", "calibrated", "ece", bounds=(0, 1))
    stage = "after temperature scaling" if calibration.scaled_at_all(best) else "without temperature scaling"
    balanced = best.share("views", "plain", "raw", "balanced_accuracy")
    return Answer(
        headline + bracketed(accuracy, "percent"),
        findings.basis(found.ranked, found.ranks, found.by_validation, seeds=found.seeds)
        + findings.close(found.ranked, found.by_validation),
        found.accuracies if len(found.ranked) > 1 else None,
        "Accuracy",
        [
            tile("Balanced accuracy", balanced, "percent", best.title),
            tile("Calibration error (ECE)", ece, "decimal", f"{best.title}, {stage}"),
        ],
        [
            *findings.commonest(best),
            *(findings.remedies if found.baseline else findings.networks)(found.networks),
            *findings.policies(found.policies, best),
            *imbalance.findings(found.imbalance, best),
            *tta.findings(best),
            *calibration.findings(best),
            *doubt.findings(best),
            *findings.classes(found.classes.weak, found.classes.lowest),
            *why.findings(found.why, best),
        ],
    )


def _figures(classifier: ClassifierRuns) -> list[Figure]:
    seed = tables.seed(classifier)
    shown = {
        "confusion.png": ("Confusion matrix", f"Confusion matrix{seed}: true class by row, predicted class by column."),
        "curves.png": ("Training curves", f"Training{seed}: loss and accuracy by epoch."),
        "reliability.png": (
            "Reliability diagram",
            f"Reliability{seed}: accuracy at each confidence; on the diagonal, the confidence can be trusted.",
        ),
        **tables.NETWORK,
    }
    return tables.figures(classifier, shown)
