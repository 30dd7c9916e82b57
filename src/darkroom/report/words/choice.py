"""Which detector to use, in a sentence: of those that cannot be told from the best, the fastest, if that saves time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.intervals import Difference, Number
from darkroom.report.parts.table import say
from darkroom.report.words import text

WORTH = 1.0
"""Milliseconds an image: saving less is no reason to leave the best."""


@dataclass(frozen=True)
class Candidate:
    """One detector. `behind` is the best one's AUROC over its own, on the same images; None where that is not known."""

    title: str
    auroc: Number
    behind: Difference | None
    ms: Number
    """Milliseconds an image."""


@dataclass(frozen=True)
class Choice:
    """The detector to use, None where the numbers do not say, and the sentence."""

    title: str | None
    words: Markup


def choose(candidates: Sequence[Candidate], *, left_aside: int = 0) -> Choice:
    """The candidates are to be by AUROC, best first; `left_aside` says how many detectors saw labels of anomalies."""
    found = _choose(candidates)
    if not left_aside:
        return found
    saw = text.plural(left_aside, "detector")
    return Choice(found.title, found.words + say(" Left aside: {}, which saw labels of anomalies.", saw))


def _choose(candidates: Sequence[Candidate]) -> Choice:
    best, *others = candidates
    if best.auroc.value is None:
        return Choice(None, say("Which to use cannot be said: {}.", best.auroc.reason))
    highest = text.full(best.auroc, "decimal")
    if not others:
        return Choice(best.title, say("<b>{}</b> is the only detector: AUROC {}.", best.title, highest))
    equal = [other for other in others if not _clearly_behind(other, best)]
    if not equal:
        gap = f", {text.points(others[0].behind, 'decimal')} behind" if others[0].behind else ""
        words = say("Use <b>{}</b>: its AUROC, {}, is clearly the highest", best.title, highest)
        return Choice(best.title, words + say("; next comes <b>{}</b>{}.", others[0].title, gap))
    fastest = min(equal, key=_ms)
    if best.ms.value is None or best.ms.value - _ms(fastest) < WORTH:
        names = Markup(text.listed([say("<b>{}</b>", other.title) for other in equal]))
        words = say("Use <b>{}</b>: its AUROC, {}, is the highest. Those of {} cannot", best.title, highest, names)
        words += say(" be told from it, but none of them saves a millisecond of its {} an image.", _shown(best.ms))
        return Choice(best.title, words)
    words = say("Use <b>{}</b>: its AUROC, {},", fastest.title, text.full(fastest.auroc, "decimal"))
    words += say(" cannot be told from the highest, {} of <b>{}</b>", highest, best.title)
    if fastest.behind is not None:
        words += say(" (the difference is {})", text.points(fastest.behind, "decimal"))
    words += say(", and it takes {} ms an image instead of {}.", _shown(fastest.ms), _shown(best.ms))
    return Choice(fastest.title, words)


def _clearly_behind(other: Candidate, best: Candidate) -> bool:
    """By the difference on the same images where that is known, else when the intervals do not overlap."""
    return other.behind.clear if other.behind is not None else not other.auroc.overlaps(best.auroc)


def _ms(candidate: Candidate) -> float:
    return math.inf if candidate.ms.value is None else candidate.ms.value


def _shown(ms: Number) -> str:
    return text.DASH if ms.value is None else text.compact(ms.value)
