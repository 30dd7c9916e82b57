"""Which generator to use for what: the best by each measure, and whether it is clearly ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.results import Method
from darkroom.report.words import text
from darkroom.report.words.text import say


@dataclass(frozen=True)
class Advice:
    """One purpose and the generator that serves it best."""

    purpose: str
    words: Markup


@dataclass(frozen=True)
class _Question:
    """A purpose, the number that answers it, the number's name and unit, and whether lower is better."""

    purpose: str
    path: tuple[str, ...]
    name: str
    style: str
    lower: bool = False
    unit: str = ""


MEASURED = (
    _Question("Closest to the real images overall", ("judge", "fid"), "FID (judge features)", "compact", lower=True),
    _Question("Images that look real one by one", ("judge", "precision"), "precision", "decimal"),
    _Question("Images as diverse as the real ones", ("judge", "coverage"), "coverage", "decimal"),
    _Question("Images of the requested class", ("accuracy",), "class recognized in", "percent"),
)
TIMED = (
    _Question("Fast sampling", ("timing", "ms_per_sample"), "", "compact", lower=True, unit=" ms per sample"),
    _Question("Fast training", ("model_timing", "seconds"), "", "compact", lower=True, unit=" s"),
)


def advice(ranked: Sequence[Method]) -> list[Advice]:
    """Answer each purpose with one sentence; a single model needs no choice."""
    if len(ranked) < 2:
        return []
    found = [
        _best(question, [(m, m.number(*question.path) if question.lower else m.share(*question.path)) for m in ranked])
        for question in MEASURED
    ]
    found += [_best(question, [(m, m.measured(*question.path)) for m in ranked]) for question in TIMED]
    return [each for each in (*found, _latent(ranked)) if each is not None]


def _best(question: _Question, numbers: Sequence[tuple[Method, Number]]) -> Advice | None:
    sign = 1 if question.lower else -1
    known = sorted(((m, n) for m, n in numbers if n.value is not None), key=lambda pair: sign * (pair[1].value or 0))
    if len(known) < 2:
        return None
    (best, value), (second, other) = known[:2]
    words = say("<b>{}</b>, {}; next is ", best.title, _shown(question, value))
    words += say("<b>{}</b>, {}", second.title, _shown(question, other))
    if question in MEASURED:
        words += _apart(value, other)
    return Advice(question.purpose, words + Markup("."))


def _shown(question: _Question, number: Number) -> str:
    shown = text.full(number, question.style)
    return f"{question.name} {shown}" if question.name else shown + question.unit


def _apart(first: Number, second: Number) -> Markup:
    if first.low is None or second.low is None:
        return Markup(" (one seed: the spread between trainings is unknown)")
    return Markup(" (no clear difference)") if first.overlaps(second) else Markup(" (a clear difference)")


def _latent(ranked: Sequence[Method]) -> Advice:
    having = [m for m in ranked if m.number("test", "elbo").value is not None]
    purpose = "A latent space to encode into and interpolate in"
    if not having:
        return Advice(purpose, Markup("none of these; a <b>vae</b> has one."))
    best = max(having, key=lambda m: m.number("test", "elbo").value or 0)
    elbo = text.full(best.number("test", "elbo"), "nats")
    return Advice(purpose, say("<b>{}</b>, ELBO {} nats per image.", best.title, elbo))
