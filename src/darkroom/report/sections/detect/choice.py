"""Which detector to use: the one with the highest AUROC, or one that is much faster and not clearly worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.measure.intervals import Difference, Number
from darkroom.report.results import DetectorRuns
from darkroom.report.words import text
from darkroom.report.words.text import say

WORTH = 1.0
"""Milliseconds per image: saving less is no reason to leave the detector with the highest AUROC."""
FASTER = 2.0
"""So is a smaller ratio: times measured on a busy machine vary by tens of percent."""
CHANCE = 0.5


@dataclass(frozen=True)
class Candidate:
    """One detector. `behind` is the best one's AUROC minus its own, on the same images; None if that is unknown."""

    title: str
    auroc: Number
    behind: Difference | None
    ms: Number
    """Milliseconds per image."""


@dataclass(frozen=True)
class Choice:
    """The detector to use, None if the numbers do not say, and why, in words that follow its name."""

    title: str | None
    words: Markup


def choose(candidates: Sequence[Candidate], *, informed: int = 0) -> Choice:
    """Choose among candidates ordered by AUROC; `informed` counts detectors that saw labels of anomalies."""
    found = _choose(candidates)
    if not informed:
        return found
    saw = text.plural(informed, "detector")
    return Choice(found.title, found.words + say(" Not compared: {}, which saw labels of anomalies.", saw))


def milliseconds(detector: DetectorRuns, others: Sequence[DetectorRuns]) -> Number:
    """Return the time per image; a composite takes at least as long as the slowest of its members among the others."""
    own = detector.measured("timing", "ms_per_image")
    parts = [part for value in _plugin(detector).values() if isinstance(value, list) for part in value]
    members = [other.measured("timing", "ms_per_image").value for other in others if _plugin(other) in parts]
    if own.value is None:
        return own
    return Number(max(own.value, *(ms for ms in members if ms is not None), 0.0))


def clearly_behind(candidate: Candidate, best: Candidate) -> bool:
    """Judge by the difference on the same images if it is known, else by whether the intervals overlap."""
    behind = candidate.behind
    return behind.clear and behind.value > 0 if behind is not None else not candidate.auroc.overlaps(best.auroc)


def _choose(candidates: Sequence[Candidate]) -> Choice:
    best, *others = candidates
    if best.auroc.value is None:
        return Choice(None, say("No detector can be recommended: {}.", best.auroc.reason))
    highest = text.full(best.auroc, "decimal")
    if best.auroc.value < CHANCE:
        words = say("None of the detectors works here: the highest AUROC, {} of <b>{}</b>,", highest, best.title)
        return Choice(None, words + Markup(" is below chance."))
    if not others:
        return Choice(best.title, say("<b>{}</b> is the only detector: AUROC {}.", best.title, highest))
    equal = [other for other in others if not clearly_behind(other, best)]
    if not equal:
        gap = f", {text.points(others[0].behind, 'decimal')} behind" if others[0].behind else ""
        words = say("Use <b>{}</b>: its AUROC, {}, is clearly the highest", best.title, highest)
        return Choice(best.title, words + say("; next is <b>{}</b>{}.", others[0].title, gap))
    fastest = min(equal, key=_ms)
    if best.ms.value is None or best.ms.value - _ms(fastest) < WORTH or best.ms.value < FASTER * _ms(fastest):
        names = Markup(text.listed([say("<b>{}</b>", other.title) for other in equal]))
        words = say("Use <b>{}</b>: its AUROC, {}, is the highest. {}", best.title, highest, names)
        words += say(" {} not clearly behind, but", "is" if len(equal) == 1 else "are")
        saved = "too little" if best.ms.value is not None and _ms(fastest) < best.ms.value else "no"
        words += say(" would save {} time: {} ms per image", saved, _shown(fastest.ms))
        return Choice(best.title, words + say(" instead of {}.", _shown(best.ms)))
    words = say("Use <b>{}</b>: its AUROC, {},", fastest.title, text.full(fastest.auroc, "decimal"))
    words += say(" is not clearly below the highest, {} of <b>{}</b>", highest, best.title)
    if fastest.behind is not None:
        words += say(" (difference {})", text.points(fastest.behind, "decimal"))
    words += say(", and it takes {} ms per image instead of {}.", _shown(fastest.ms), _shown(best.ms))
    return Choice(fastest.title, words)


def _plugin(detector: DetectorRuns) -> dict[str, object]:
    return dict(detector.first.model.get("plugin", {}))


def _ms(candidate: Candidate) -> float:
    return math.inf if candidate.ms.value is None else candidate.ms.value


def _shown(ms: Number) -> str:
    return text.DASH if ms.value is None else text.compact(ms.value)
