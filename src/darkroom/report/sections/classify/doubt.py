"""When a classifier should not name one class: prediction sets with 90 % coverage, and answers from a confidence on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.parts.table import Cell, Figure, Table, cell, figure
from darkroom.report.results import ClassifierRuns
from darkroom.report.sections.classify import tables
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

RISKS = ("0.05", "0.01")
"""Limits on the share of errors, as the evaluation names them."""
NAMED = 5
"""Classes named whose coverage is clearly too low."""


@dataclass(frozen=True)
class Doubt:
    """The subsection's content; `uncovered` are classes of the best classifier whose coverage is clearly below the level."""

    sets: Table
    uncovered: list[str]
    selection: Table
    unlike: Markup | None
    """How many test images the best classifier takes for unlike those of the training."""
    figures: list[Figure]


def subsection(ranked: Sequence[ClassifierRuns]) -> Doubt | None:
    """Tabulate prediction sets and selective prediction; None for results of a version that measured neither."""
    found = [c for c in ranked if "conformal" in c.first.metrics]
    if not found:
        return None
    best = found[0]
    return Doubt(
        sets=_sets(found),
        uncovered=_uncovered(best),
        selection=_selection(found),
        unlike=_unlike(best),
        figures=figure(
            best.first.evaluation_folder / "risk.png",
            f"Risk-coverage curve of {best.title}",
            f"{best.title}: {worded('errors among the images it answers, the most confident first.')}",
        ),
    )


def findings(best: ClassifierRuns) -> Iterator[Finding]:
    """Say how large the best classifier's prediction sets are, and from which confidence on it rarely errs."""
    if "conformal" not in best.first.metrics:
        return
    coverage, size = (
        best.share("conformal", "plain", "coverage"),
        best.number("conformal", "plain", "size", bounds=(1, np.inf)),
    )
    if coverage.value is not None and size.value is not None:
        low = coverage.high is not None and coverage.high < _level(best)
        words = say("Sets of classes that should contain the right one for {} of images", text.share(_level(best)))
        words += say(" do so for <b>{}</b> of the test images", text.full(coverage, "percent"))
        words += say(" with {}, and", titled(best))
        mean = say(" hold {} classes on average.", text.full(size, "compact"))
        words += Markup(" each holds a single class.") if size.value == 1 else mean
        words += _uncovered_words(_uncovered(best))
        yield Finding("Prediction sets", "cover too little" if low else "as expected", "bad" if low else "good", words)
    for risk in RISKS:
        chosen, answered, errors = _threshold(best, risk)
        if chosen.value is None or errors.value is None:
            continue
        over = errors.low is not None and errors.low > float(risk)
        words = say("From a confidence of {} on, {}", text.plain(chosen, "decimal"), titled(best))
        words += say(" answers <b>{}</b> of the test images", text.plain(answered, "percent"))
        words += say(" with {} errors.", text.full(errors, "percent"))
        words += Markup(" Have a person look at the others.") if answered.value != 1 else Markup("")
        verdict = f"errors {'above' if over else 'below'} {text.share(float(risk))}"
        yield Finding("I don't know", verdict, "bad" if over else "good", words)
        return


def _sets(found: Sequence[ClassifierRuns]) -> Table:
    cells = []
    for c in found:
        coverage, size = (
            c.share("conformal", "plain", "coverage"),
            c.number("conformal", "plain", "size", bounds=(1, np.inf)),
        )
        expected = tables.expected(c, "conformal", "plain")
        cells.append([cell(coverage, "percent"), expected, cell(size, "compact"), *_shares(c)])
    columns = ["Coverage, %", "Expected, %", "Mean size", "One class, %", "Two, %", "More, %"]
    return tables.by_classifier(found, columns, cells)


def _shares(classifier: ClassifierRuns) -> list[Cell]:
    """The shares of test images whose set has one, two and more classes, averaged over seeds."""
    totals = [0, 0, 0]
    for run in classifier.runs:
        for place, images in enumerate(run.metrics["conformal"]["plain"].get("sizes", [])):
            totals[min(place, 2)] += images
    return [Cell(text.percent(n / sum(totals)) if sum(totals) else text.DASH) for n in totals]


def _selection(found: Sequence[ClassifierRuns]) -> Table:
    cells = []
    for c in found:
        line = [cell(c.share("risk_coverage", "plain", "aurc"), "decimal")]
        for risk in RISKS:
            chosen, answered, errors = _threshold(c, risk)
            line += [cell(chosen, "decimal"), cell(answered, "percent"), cell(errors, "percent")]
        cells.append(line)
    columns = ["Area", *["Confidence from", "Answered, %", "Errors, %"] * len(RISKS)]
    groups = [("", 1), *((f"Errors below {text.share(float(risk))}", 3) for risk in RISKS)]
    return tables.by_classifier(found, columns, cells, groups)


def _threshold(classifier: ClassifierRuns, risk: str) -> tuple[Number, Number, Number]:
    """The confidence, the share of images that reach it, and the errors among those; without a reason behind the first."""
    path = ("risk_coverage", "plain", "thresholds", risk)
    chosen, answered, errors = (classifier.share(*path, part) for part in ("confidence", "coverage", "errors"))
    blank = Number()
    return (chosen, blank, blank) if chosen.value is None else (chosen, answered, errors)


def _unlike(best: ClassifierRuns) -> Markup | None:
    flagged = best.share("out_of_distribution", "flagged")
    if flagged.value is None:
        return None
    words = say("<b>Unlike the training.</b> {} takes {}", best.title, text.full(flagged, "percent"))
    words += say(
        " of the test images for unlike those that it was trained on, by the energy of its outputs and the distance"
    )
    expected = float(best.first.metrics["out_of_distribution"]["expected"])
    return words + say(
        " of its features; the limits are set so that at most {} of such images are.", text.share(expected)
    )


def _uncovered(best: ClassifierRuns) -> list[str]:
    """Name the classes whose coverage lies below the level with its whole interval."""
    covered = {
        name: best.share("conformal", "plain", "per_class", name)
        for name in best.named("conformal", "plain", "per_class")
    }
    return [name for name, share in covered.items() if share.high is not None and share.high < _level(best)]


def _uncovered_words(classes: Sequence[str]) -> Markup:
    if not classes:
        return Markup("")
    shown = [*classes[:NAMED], *(["more"] if len(classes) > NAMED else [])]
    return say(" This holds over all images, not for each class: less is covered of {}.", text.listed(shown))


def _level(classifier: ClassifierRuns) -> float:
    return float(classifier.first.metrics["conformal"]["plain"]["level"])
