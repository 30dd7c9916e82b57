"""The answer in words: every sentence is made from the numbers, and says "no clear difference" where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.intervals import Number
from darkroom.report.parts.table import Finding, say
from darkroom.report.sections import findings
from darkroom.report.sections.card import Card
from darkroom.report.sections.classifiers import Classifiers
from darkroom.report.sections.detectors import Task, auroc
from darkroom.report.sections.generators import Generators
from darkroom.report.sections.over_tasks import Overall
from darkroom.report.sections.synthetic import Synthetics
from darkroom.report.words import text

RATES = (
    ("detection_rate", "Anomalies flagged", "at the threshold"),
    ("false_alarm_rate", "False alarms", "normal test images flagged"),
)


@dataclass(frozen=True)
class Tile:
    """One large number."""

    label: str
    value: str
    unit: str
    span: str
    note: str


@dataclass(frozen=True)
class Answer:
    """What the page opens with."""

    headline: Markup
    basis: Markup
    tiles: list[Tile]
    findings: list[Finding]


def answer(
    card: Card,
    found: Classifiers | None,
    generators: Generators | None,
    tasks: list[Task],
    overall: Overall | None = None,
    audits: Iterable[Finding] = (),
    drawn: Synthetics | None = None,
) -> Answer:
    """The headline is the classifiers' when there are any, else the detectors', the generators' or the data's.

    `audits` is what is said of the augmentation policies, `drawn` what copies drawn by generators brought.
    """
    told: list[Finding] = []
    if found is not None:
        headline, basis = _classifier_headline(found)
        for part in (findings.choices, findings.imbalance, findings.tta, findings.calibration, findings.classes):
            told += part(found)
    elif tasks:
        headline, basis = _detector_headline(tasks[0], overall), Markup("")
    elif generators is not None:
        headline, basis = _generator_headline(generators), Markup("")
    else:
        counts = text.plural(card.images, "image"), text.plural(len(card.classes), "class", "classes")
        headline, basis = say("<b>{}</b> in {}.", *counts), Markup("No model was trained on them.")
    told += audits
    told += findings.generation(generators) if generators is not None else []
    told += findings.synthetic(drawn)
    told += [*findings.detection(tasks, overall), *findings.warnings(card)]
    return Answer(headline, basis, [*_tiles(found, generators, tasks, overall)], told)


def _classifier_headline(found: Classifiers) -> tuple[Markup, Markup]:
    best = found.best
    accuracy = best.share("views", "plain", "raw", "accuracy")
    headline = say(
        "{} is right on <b>{}</b> of {} test images{}.",
        findings.titled(best),
        f"{text.percent(accuracy.value)}{text.unit('percent')}" if accuracy.value is not None else "an unknown share",
        text.count(found.items),
        _span(accuracy, "percent"),
    )
    several = len(found.ranked) > 1
    rank = found.ranks[best.keys]
    if not several:
        chosen = say("It is the only classifier on this page.")
    elif found.by_validation:
        chosen = say(
            "It was chosen among {} by its accuracy on the validation images, {}, before the test images were looked at.",
            text.plural(len(found.ranked), "classifier"),
            text.full(rank, "percent"),
        )
    else:
        chosen = say(
            "It was chosen among {} by macro F1 on the test images themselves, as there is no validation accuracy: "
            "the best of several test scores is an optimistic one.",
            text.plural(len(found.ranked), "classifier"),
        )
    if found.seeds > 1:
        chosen += say(" Numbers of models are means over {} seeds, with a t-interval.", found.seeds)
    return headline, chosen


def _generator_headline(generators: Generators) -> Markup:
    covered = generators.best.share("judge", "coverage")
    if covered.value is None:
        return say("<b>{}</b> draws images; how well is not known: {}.", generators.best.title, covered.reason)
    words = "Samples of <b>{}</b> cover <b>{}</b> of the test images{}."
    share = f"{text.percent(covered.value)}{text.unit('percent')}"
    return say(words, generators.best.title, share, _span(covered, "percent"))


def _detector_headline(task: Task, overall: Overall | None) -> Markup:
    title, mean = overall.best if overall else ("", Number())
    if overall is not None and mean.value is not None:
        words = "With each of {} choices of normal, <b>{}</b> tells anomalies apart with a mean AUROC of <b>{}</b>{}."
        return say(words, overall.tasks, title, text.decimal(mean.value), _span(mean, "decimal"))
    score = auroc(task.best)
    if score.value is None:
        words = "With <b>{}</b> as normal, no detector can be ranked: {}."
        return say(words, task.normal_text, score.reason)
    words = "With <b>{}</b> as normal, <b>{}</b> tells anomalies apart with AUROC <b>{}</b>{}."
    return say(words, task.normal_text, task.best.title, text.decimal(score.value), _span(score, "decimal"))


def _span(number: Number, style: str) -> Markup:
    span = text.interval(number, style)
    return say(" <span>({})</span>", span) if span else Markup("")


def _tiles(
    found: Classifiers | None, generators: Generators | None, tasks: list[Task], overall: Overall | None
) -> Iterator[Tile]:
    if found is not None:
        best, title = found.best, found.best.title
        yield _tile("Balanced accuracy", best.share("views", "plain", "raw", "balanced_accuracy"), "percent", title)
        yield _tile(
            "Calibration error",
            best.number("views", "plain", "calibrated", "ece", bounds=(0, 1)),
            "decimal",
            f"{title}, after scaling",
        )
    if overall is not None:
        title, score = overall.best
        yield _tile("Anomaly AUROC", score, "decimal", f"{title}, mean of {overall.tasks} choices of normal")
    elif tasks:
        note = f"{tasks[0].best.title}, normal: {tasks[0].normal_text}"
        yield _tile("Anomaly AUROC", auroc(tasks[0].best), "decimal", note)
    if tasks and found is None:
        for rate, label, note in RATES:
            share = overall.rates[rate] if overall else tasks[0].best.share("image", rate)
            yield _tile(label, share, "percent", note)
    if generators is not None:
        yield _tile("Coverage by samples", generators.best.share("judge", "coverage"), "decimal", generators.best.title)


def _tile(label: str, number: Number, style: str, note: str) -> Tile:
    value = text.STYLES[style](number.value) if number.value is not None else text.DASH
    span = text.interval(number, style) if number.value is not None else number.reason
    return Tile(label, value, text.unit(style) if number.value is not None else "", span, note)
