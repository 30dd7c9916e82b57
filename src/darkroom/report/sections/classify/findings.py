"""What the classifiers show, in sentences: networks, policies, weak classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from darkroom.measure.intervals import Difference, Number, paired
from darkroom.report.comparisons import ACCURACY, NONE, Effect, Score, validation_lead
from darkroom.report.results import ClassifierRuns, correct
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
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


def basis(
    ranked: Sequence[ClassifierRuns],
    ranks: Mapping[tuple[str, ...], Number],
    by_validation: bool,
    *,
    seeds: int,
    score: Score = ACCURACY,
) -> Markup:
    """Say how the best classifier was chosen."""
    several = text.plural(len(ranked), score.noun)
    if len(ranked) == 1:
        words = say("It is the only {} on this page.", score.noun)
    elif by_validation:
        rank = text.full(ranks[ranked[0].keys], score.style)
        words = say("Chosen from {} by validation {}, {}, without the test images.", several, score.name, rank)
    else:
        words = say("Chosen from {} by {} on the test images themselves,", several, score.test_name)
        words += say(" as there is no validation {}: the best of several test scores is optimistic.", score.name)
    return words + say(" Numbers are means over {} seeds.", seeds) if seeds > 1 else words


def close(ranked: Sequence[ClassifierRuns], by_validation: bool) -> Markup:
    """Say so if chance explains the lead of the best classifier over the runner-up on the validation images."""
    found = validation_lead(ranked[0], ranked[1]) if by_validation and len(ranked) > 1 else None
    if found is None or found[0].clear:
        return Markup("")
    lead, images = round(found[0].value * found[1], 6), text.plural(found[1], "validation image")
    if lead <= 0:
        return say(" It ties with {} on {}, and the validation loss decided.", titled(ranked[1]), images)
    words = say(" It leads {} by {} of {}", titled(ranked[1]), text.count(lead), images)
    return words + Markup(", no more than chance explains.")


def networks(effects: Sequence[Effect], score: Score = ACCURACY) -> Iterator[Finding]:
    """Compare the best network with the others, each pair under one policy."""
    for effect in effects[:MOST]:
        better, to, base = effect.difference, effect.to, effect.base
        words = say("{}, the {} of <b>{}</b> and", _under(to.policy), score.name, base.model)
        words += say(" <b>{}</b> differs by {}.", to.model, _points(effect, score))
        if better.clear:
            words = say("{}, <b>{}</b> is", _under(to.policy), to.model)
            words += say(" {} accurate than <b>{}</b>", "more" if better.value > 0 else "less", base.model)
            words += say(": {} {}.", score.name, _points(effect, score))
            yield Finding("Network", "clear difference", "good" if better.value > 0 else "bad", words)
        else:
            yield Finding("Network", "no clear difference", "even", words)


def remedies(effects: Sequence[Effect], score: Score = ACCURACY) -> Iterator[Finding]:
    """Sort the models by what they changed over the baseline, one finding per policy."""
    for policy in dict.fromkeys(effect.to.policy for effect in effects):
        under = [effect for effect in effects if effect.to.policy == policy]
        words = say("{}, compared with <b>{}</b>:", _under(policy), under[0].base.model)
        kinds = {
            "more accurate": [e for e in under if e.difference.clear and e.difference.value > 0],
            "less accurate": [e for e in under if e.difference.clear and e.difference.value < 0],
            "no clear difference": [e for e in under if not e.difference.clear],
        }
        parts = [
            say("{}: {}", kind, text.listed([f"{e.to.model} ({_points(e, score)})" for e in found]))
            for kind, found in kinds.items()
            if found
        ]
        words += Markup(" ") + Markup("; ").join(parts) + Markup(".")
        better, worse = kinds["more accurate"], kinds["less accurate"]
        name = "some help" if better else "none helps" if not worse else "some harm"
        yield Finding("Model", name, "good" if better else "bad" if worse else "even", words)


def policies(effects: Sequence[Effect], best: ClassifierRuns, score: Score = ACCURACY) -> Iterator[Finding]:
    """Say what each policy changed, compared with no augmentation."""
    for effect in effects if len(effects) <= MOST else [e for e in effects if e.to.model == best.model]:
        name, tone = verdict(effect.difference)
        words = say("<b>{}</b> changes the {} of", effect.to.policy, score.name)
        words += say(" <b>{}</b> by {}, compared with", effect.to.model, _points(effect, score))
        words += Markup(" no augmentation.")
        yield Finding("Augmentation", name, tone, words)


def shown(better: Difference, score: Score) -> Difference:
    """Return a difference as the score has it: that of an error falls where a classifier is better."""
    return Difference(-better.value, -better.high, -better.low, better.seeds) if score.lower else better


def _points(effect: Effect, score: Score) -> str:
    return text.points(shown(effect.difference, score), score.style)


def _under(policy: str) -> Markup:
    return say("Without augmentation") if policy == NONE else say("With <b>{}</b>", policy)


def commonest(best: ClassifierRuns) -> Iterator[Finding]:
    """Warn if the best classifier is not clearly more often right than always naming the commonest class would be."""
    table, right = best.first.table("predictions.parquet"), correct(best.first)
    if table is None or right is None:
        return
    named = (table["label"] == table["label"].mode()[0]).to_numpy(float)
    if paired([right - named]).low > 0:
        return
    words = say("Always naming the commonest class is right for <b>{}</b> of the test images,", f"{named.mean():.1%}")
    words += say(" and {} is not clearly better than that.", titled(best))
    yield Finding("Commonest class", "not clearly beaten", "bad", words)


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
