"""Which generator to use for what, said from the numbers: the best by each measure, and whether it is clearly ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.intervals import Number
from darkroom.report.parts.table import say
from darkroom.report.results import Method
from darkroom.report.words import text


@dataclass(frozen=True)
class Advice:
    """One purpose and what serves it best."""

    purpose: str
    words: Markup


@dataclass(frozen=True)
class _Question:
    """A purpose, the number that answers it, what the number is called, and whether less is better."""

    purpose: str
    path: tuple[str, ...]
    name: str
    style: str
    less: bool = False
    after: str = ""


MEASURED = (
    _Question("Overall, nearest to the real images", ("judge", "fid"), "FID", "compact", less=True),
    _Question("Images that look real one by one", ("judge", "precision"), "precision", "decimal"),
    _Question("Images as various as the real ones", ("judge", "coverage"), "coverage", "decimal"),
    _Question("Images of the class asked for", ("accuracy",), "samples given their class", "percent"),
)
TIMED = (
    _Question("Speed of sampling", ("timing", "ms_per_sample"), "", "compact", less=True, after=" ms a sample"),
    _Question("Speed of training", ("model_timing", "seconds"), "", "compact", less=True, after=" s"),
)


def advice(ranked: Sequence[Method]) -> list[Advice]:
    """A sentence a purpose; empty with a single model, which needs no choice."""
    if len(ranked) < 2:
        return []
    found = [
        _best(question, [(m, m.number(*question.path) if question.less else m.share(*question.path)) for m in ranked])
        for question in MEASURED
    ]
    found += [_best(question, [(m, m.measured(*question.path)) for m in ranked]) for question in TIMED]
    return [each for each in (*found, _latent(ranked)) if each is not None]


def collapse(method: Method) -> list[str]:
    """Why a model counts as collapsed, in any of its seeds."""
    found: dict[str, None] = {}
    for run in method.runs:
        told = run.metrics.get("collapse", {})
        if isinstance(told, dict) and told.get("collapsed"):
            found |= dict.fromkeys(map(str, told.get("reasons", [])))
    return list(found)


def _best(question: _Question, numbers: Sequence[tuple[Method, Number]]) -> Advice | None:
    sign = 1 if question.less else -1
    known = sorted(((m, n) for m, n in numbers if n.value is not None), key=lambda pair: sign * (pair[1].value or 0))
    if len(known) < 2:
        return None
    (best, value), (second, other) = known[:2]
    words = say(
        "<b>{}</b>, {}; next <b>{}</b>, {}", best.title, _told(question, value), second.title, _told(question, other)
    )
    if question in MEASURED:
        words += _apart(value, other)
    return Advice(question.purpose, words + Markup("."))


def _told(question: _Question, number: Number) -> str:
    shown = text.full(number, question.style)
    return f"{question.name} {shown}" if question.name else shown + question.after


def _apart(first: Number, second: Number) -> Markup:
    if first.low is None or second.low is None:
        return Markup(" (one seed: how far this would move is not known)")
    return Markup(" (no clear difference)") if first.overlaps(second) else Markup(" (clearly apart)")


def _latent(ranked: Sequence[Method]) -> Advice:
    having = [m for m in ranked if m.number("test", "elbo").value is not None]
    purpose = "A latent space to encode, compare and interpolate in"
    if not having:
        return Advice(purpose, Markup("none of these; a <b>vae</b> has one."))
    best = max(having, key=lambda m: m.number("test", "elbo").value or 0)
    return Advice(
        purpose, say("<b>{}</b>, ELBO {} nats an image.", best.title, text.full(best.number("test", "elbo"), "nats"))
    )
