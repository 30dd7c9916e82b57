"""The generators side by side: fidelity and coverage against held-out images, near-copies, cost, latent spaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Figure, Table, figure
from darkroom.report.results import Method, Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.generate import purposes, tables
from darkroom.report.sections.generate.purposes import Advice
from darkroom.report.sections.generate.tables import Space, memorizing
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, bracketed, tile
from darkroom.report.words.text import say

PROGRESS = "progress.png"
"""Lies with the model; the other figures lie with the evaluation."""
FIGURES = {
    "samples.png": ("Samples", "Samples, one column per class, not selected."),
    PROGRESS: ("Samples during training", "Samples from the same noise during training, the first in quick succession."),
    "closest.png": ("Closest pairs", "Samples beside their nearest training images, the closest pair first."),
    "steps.png": ("Quality by sampling steps", "Quality against the number of sampling steps."),
    "reconstructions.png": ("Reconstructions", "Test images above their reconstructions."),
    "interpolation.png": ("Interpolation", "From one test image to another, along a straight line in latent space."),
    "traversals.png": ("Latent traversals", "Each row varies one latent unit and keeps the others."),
    "latent_map.png": ("Latent map", "Codes of the test images, projected on their two principal directions."),
    "plane.png": ("Latent plane", "What each point of the two-dimensional latent space decodes to."),
    "course.png": ("Sample quality during training", "Sample quality during training, as the judge sees it."),
    "curves.png": ("Training curves", "Losses and other training curves."),
}  # fmt: skip


@dataclass(frozen=True)
class Generators:
    """The section's content; `ranked` is by FID in the judge's features, best first."""

    ranked: list[Method]
    images: int
    seeds: int
    spaces: list[Space]
    coverage: Chart | None
    advice: list[Advice]
    memory: Table | None
    cost: Table
    latent: Table | None
    collapsed: list[tuple[Method, list[str]]]
    figures: list[tuple[str, list[Figure]]]

    @property
    def best(self) -> Method:
        return self.ranked[0]


def read(results: Results) -> Generators | None:
    """Rank the generators; None if there are none, or they are of rows."""
    if not results.generators or "judge" not in results.generators[0].first.metrics:
        return None

    def order(method: Method) -> float:
        value = method.number("judge", "fid").value
        return value if value is not None else float("inf")

    ranked = sorted(results.generators, key=order)
    covered = [(m.title, m.share("judge", "coverage")) for m in ranked]
    return Generators(
        ranked=ranked,
        images=int(ranked[0].first.metrics.get("items", 0)),
        seeds=max(len(m.runs) for m in ranked),
        spaces=_spaces(ranked),
        coverage=chart.numbers(covered, "decimal", chosen=0) if len(ranked) > 1 else None,
        advice=purposes.advice(ranked),
        memory=tables.memory(ranked),
        cost=tables.cost(ranked),
        latent=tables.latent(ranked),
        collapsed=[(m, reasons) for m in ranked if (reasons := _collapse(m))],
        figures=[(m.title, _figures(m)) for m in ranked],
    )


def answer(found: Generators) -> Answer:
    """Head the page with the best generator's coverage."""
    best, covered = found.best, found.best.share("judge", "coverage")
    if covered.value is None:
        headline = say("<b>{}</b> generates images; their quality is unknown: {}", best.title, covered.reason)
    else:
        headline = say("Samples of <b>{}</b> cover <b>{}</b>", best.title, text.plain(covered, "percent"))
        headline += say(" of the test images") + bracketed(covered, "percent")
    tiles = [tile("Coverage by samples", covered, "decimal", best.title)]
    return Answer(headline, tiles=tiles, findings=[*_ranking(found), *_warnings(found)])


SECTION = Section("generate", "Generate", read, answer, rank=3)


def _spaces(ranked: list[Method]) -> list[Space]:
    judge, *others = (tables.space(name, ranked) for name in tables.SPACES)
    return [space for space in (judge, tables.neutral(ranked), *others) if space is not None]


def _ranking(found: Generators) -> Iterator[Finding]:
    """The generator closest to the held-out images."""
    best = found.best
    fid, covered = best.number("judge", "fid"), best.share("judge", "coverage")
    floor, accurate = best.number("judge_floor", "fid"), best.share("accuracy")
    words = say(
        "<b>{}</b> comes closest to the test images: FID (judge features) {}", best.title, text.full(fid, "compact")
    )
    if floor.value is not None:
        words += say(" (real images: {})", text.full(floor, "compact"))
    words += say(", coverage {}", text.full(covered, "decimal"))
    if accurate.value is not None:
        words += say("; the judge recognizes the requested class in {} of its samples", text.full(accurate, "percent"))
    words += Markup(".")
    if any((m.first.metrics.get("neutral") or {}).get("options") for m in found.ranked):
        words += _at_neutral(found)
    verdict, tone = "measured", "note"
    if len(found.ranked) > 1:
        second = found.ranked[1]
        other = second.number("judge", "fid")
        words += say(" Next is <b>{}</b> with FID {}.", second.title, text.full(other, "compact"))
        if fid.low is not None and other.low is not None:
            apart = not fid.overlaps(other)
            verdict, tone = ("clear difference", "good") if apart else ("no clear difference", "even")
    yield Finding("Generation", verdict, tone, words)


def _at_neutral(found: Generators) -> Markup:
    """Say which generator is closest if none trades variety for fidelity."""
    known = [(m, fid) for m in found.ranked if (fid := m.number("neutral", "fid")).value is not None]
    if not known:
        return Markup("")
    closest, fid = min(known, key=lambda pair: pair[1].value or 0.0)
    who = Markup("its FID is") if closest is found.best else say("<b>{}</b> is closest with FID", closest.title)
    return say(" With neutral sampling, {} {}.", who, text.full(fid, "compact"))


def _warnings(found: Generators) -> Iterator[Finding]:
    """Generators that collapsed or memorize."""
    for method, reasons in found.collapsed:
        yield Finding("Generation", "collapsed", "bad", say("<b>{}</b>: {}.", method.title, "; ".join(reasons)))
    yield from memorizing(found.ranked)


def _collapse(method: Method) -> list[str]:
    """Why a model counts as collapsed, over all its seeds."""
    found: dict[str, None] = {}
    for run in method.runs:
        about = run.metrics.get("collapse", {})
        if isinstance(about, dict) and about.get("collapsed"):
            found |= dict.fromkeys(map(str, about.get("reasons", [])))
    return list(found)


def _figures(method: Method) -> list[Figure]:
    model, evaluation = method.first.model_folder, method.first.evaluation_folder
    return [
        found
        for name, (what, caption) in FIGURES.items()
        for found in figure((model if name == PROGRESS else evaluation) / name, f"{what} of {method.title}", caption)
    ]
