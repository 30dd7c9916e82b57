"""What the classifiers show, in sentences: networks, policies, weak classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from darkroom.report.comparisons import NONE, Effect
from darkroom.report.intervals import Number
from darkroom.report.results import ClassifierRuns
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verb, verdict
from darkroom.report.words.text import say

MOST = 4
"""Comparisons spelled out in the answer; if there are more policies, only those of the best network are."""
NAMED = 8
"""Weak classes named in the answer."""


def titled(classifier: ClassifierRuns) -> Markup:
    """Name a classifier within a sentence."""
    if classifier.policy == NONE:
        return say("<b>{}</b> without augmentation", classifier.model)
    return say("<b>{}</b> with <b>{}</b>", classifier.model, classifier.policy)


def networks(effects: Sequence[Effect]) -> Iterator[Finding]:
    """Compare the best network with the others, each pair under one policy."""
    for effect in effects[:MOST]:
        change, to, base = effect.difference, effect.to, effect.base
        where = say("Without augmentation") if to.policy == NONE else say("With <b>{}</b>", to.policy)
        if not change.clear:
            words = say("{}, the accuracies of <b>{}</b> and <b>{}</b>", where, to.model, base.model)
            words += say(" differ by {}.", text.points(change))
            yield Finding("Network", "no clear difference", "even", words)
            continue
        order = "more" if change.value > 0 else "less"
        words = say("{}, <b>{}</b> is {} accurate than <b>{}</b>", where, to.model, order, base.model)
        words += say(": {}.", text.points(change))
        yield Finding("Network", "clear difference", "good" if change.value > 0 else "bad", words)


def remedies(effects: Sequence[Effect]) -> Iterator[Finding]:
    """Sort the models by what they changed over the baseline, one finding per policy."""
    for policy in dict.fromkeys(effect.to.policy for effect in effects):
        under = [effect for effect in effects if effect.to.policy == policy]
        where = say("Without augmentation") if policy == NONE else say("With <b>{}</b>", policy)
        words = say("{}, compared with <b>{}</b>:", where, under[0].base.model)
        kinds = {
            "more accurate": [e for e in under if e.difference.clear and e.difference.value > 0],
            "less accurate": [e for e in under if e.difference.clear and e.difference.value < 0],
            "no clear difference": [e for e in under if not e.difference.clear],
        }
        parts = [
            say("{}: {}", kind, text.listed([f"{e.to.model} ({text.points(e.difference)})" for e in found]))
            for kind, found in kinds.items()
            if found
        ]
        words += Markup(" ") + Markup("; ").join(parts) + Markup(".")
        better, worse = kinds["more accurate"], kinds["less accurate"]
        name = "some help" if better else "none helps" if not worse else "some harm"
        yield Finding("Model", name, "good" if better else "bad" if worse else "even", words)


def policies(effects: Sequence[Effect], best: ClassifierRuns) -> Iterator[Finding]:
    """Say what each policy changed, compared with no augmentation."""
    for effect in effects if len(effects) <= MOST else [e for e in effects if e.to.model == best.model]:
        name, tone = verdict(effect.difference)
        words = say("<b>{}</b> {} the accuracy of", effect.to.policy, verb(effect.difference))
        words += say(" <b>{}</b> by {}, compared with", effect.to.model, text.points(effect.difference))
        words += Markup(" no augmentation.")
        yield Finding("Augmentation", name, tone, words)


def classes(weak: Sequence[str], lowest: tuple[str, Number] | None) -> Iterator[Finding]:
    """Name the weak classes of the best classifier."""
    if lowest is None:
        return
    name, f1 = lowest
    last = say("The lowest is <b>{}</b> with F1 {}.", name, text.full(f1, "percent"))
    if not weak:
        yield Finding("Classes", "none is weak", "even", say("No class lies clearly below the mean F1. {}", last))
        return
    shown = weak if len(weak) <= NAMED else [*weak[:NAMED], "more"]
    lie = text.plural(len(weak), "class lies", "classes lie")
    words = say("{} clearly below the mean F1: {}. {}", lie, text.listed(shown), last)
    yield Finding("Classes", "some are weak", "bad", words)
