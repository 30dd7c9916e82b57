"""The generative models in one league: fidelity and coverage against held-out images, copies, cost, latent space."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.intervals import Number
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, say, seconds
from darkroom.report.results import Method, Results
from darkroom.report.words import families, text
from darkroom.report.words.families import Advice

QUALITY = {
    "fid": ("FID", "compact"),
    "kid": ("KID", "compact"),
    "precision": ("Precision", "decimal"),
    "recall": ("Recall", "decimal"),
    "density": ("Density", "decimal"),
    "coverage": ("Coverage", "decimal"),
}
SPACES = {"judge": "the data set's own classifier", "imagenet": "an ImageNet network"}
PARTS = {"elbo": "ELBO", "reconstruction": "Reconstruction", "kl": "KL"}
COPIES = 1.5
"""So many times the near-copies of held-out images are too many, when the interval says so too."""


@dataclass(frozen=True)
class Space:
    """The league in one feature space."""

    name: str
    basis: Markup
    table: Table


@dataclass(frozen=True)
class Generators:
    """The section's content; `ranked` is by FID in the judge's features, best first."""

    ranked: list[Method]
    items: int
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


def section(results: Results) -> Generators | None:
    """None when there is no generator to show."""
    if not results.generators:
        return None

    def order(method: Method) -> float:
        value = method.number("judge", "fid").value
        return value if value is not None else float("inf")

    ranked = sorted(results.generators, key=order)
    covered = [(m.title, m.share("judge", "coverage")) for m in ranked]
    reasons = [(m, families.collapse(m)) for m in ranked]
    return Generators(
        ranked=ranked,
        items=int(ranked[0].first.metrics.get("items", 0)),
        seeds=max(len(m.runs) for m in ranked),
        spaces=[space for name in SPACES if (space := _space(name, ranked)) is not None],
        coverage=chart.numbers(covered, "decimal", chosen=0) if len(ranked) > 1 else None,
        advice=families.advice(ranked),
        memory=_memory(ranked),
        cost=_cost(ranked),
        latent=_latent([m for m in ranked if m.number("test", "elbo").value is not None]),
        collapsed=[(m, found) for m, found in reasons if found],
        figures=[(m.title, _figures(m)) for m in ranked],
    )


def _space(name: str, ranked: list[Method]) -> Space | None:
    """The league in one feature space, real images against real ones on top; None where it was not measured."""
    if all(m.number(name, "fid").value is None for m in ranked):
        return None
    accurate = name == "judge"
    rows = [Row("real images", _quality(ranked[0], f"{name}_floor", "accuracy_real" if accurate else None))]
    rows += [
        Row(m.title, _quality(m, name, "accuracy" if accurate else None), chosen=index == 0 and len(ranked) > 1)
        for index, m in enumerate(ranked)
    ]
    columns = [title for title, _ in QUALITY.values()] + (["Given their class, %"] if accurate else [])
    first = ranked[0].first.metrics
    of = dict(first.get(f"{name}_floor", {})).get("of", "validation")
    floor = "validation images" if of == "validation" else "one half of the test images, held against the other"
    size = int(dict(first[name]).get("samples", 0))
    words = say(
        "Features of {}: {} samples of each model against {} test images. The first row holds {} real images ({}) "
        "against them in the same way: no model can be expected to do better.",
        SPACES[name]
        + ("" if dict(first[name]).get("trained", True) else ", with random weights, as there are no labels"),
        text.count(size),
        text.count(int(dict(first[name]).get("against", 0))),
        text.count(int(dict(first.get(f"{name}_floor", {})).get("samples", 0))),
        floor,
    )
    return Space(name, words, Table("Generator", columns, rows))


def _quality(method: Method, space: str, accuracy: str | None) -> list[Cell]:
    line = []
    for key, (_, style) in QUALITY.items():
        bounded = key in {"precision", "recall", "coverage"}
        line.append(cell(method.share(space, key) if bounded else method.number(space, key), style))
    return [*line, cell(method.share(accuracy), "percent")] if accuracy else line


def _memory(ranked: list[Method]) -> Table | None:
    """Near-copies of training images among samples, beside those among held-out images."""
    known = [m for m in ranked if m.number("memorisation", "near_copies").value is not None]
    if not known:
        return None
    rows = []
    for m in known:
        copies, expected = m.share("memorisation", "near_copies"), m.share("memorisation", "expected")
        tone = "bad" if too_many_copies(m) else ""
        line = [cell(copies, "percent", tone=tone), cell(Number(expected.value), "percent")]
        line += [cell(m.number("memorisation", of, "distance", "q50"), "compact") for of in ("samples", "held_out")]
        line += [cell(m.number("memorisation", of, "ratio", "q50"), "decimal") for of in ("samples", "held_out")]
        rows.append(Row(m.title, line))
    columns = ["of samples, %", "of held-out images, %", "samples", "held-out", "samples", "held-out"]
    groups = [("Near-copies of training images", 2), ("Distance to the nearest, median", 2), ("Its ratio, median", 2)]
    return Table("Generator", columns, rows, groups)


def too_many_copies(method: Method) -> bool:
    """Whether samples are near-copies of training images clearly more often than held-out images are."""
    copies, expected = method.share("memorisation", "near_copies"), method.share("memorisation", "expected")
    if copies.value is None or expected.value is None:
        return False
    return copies.value > COPIES * expected.value and (copies.low is None or copies.low > expected.value)


def _cost(ranked: list[Method]) -> Table:
    rows = []
    for method in ranked:
        parameters = method.measured("model", "parameters")
        line = [
            Cell(text.count(parameters.value)) if parameters.value is not None else cell(parameters, "compact"),
            seconds(method.measured("model_timing", "seconds")),
            cell(method.measured("timing", "ms_per_sample"), "compact"),
        ]
        rows.append(Row(method.title, line))
    return Table("Generator", ["Parameters", "Training", "ms a sample"], rows)


def _latent(models: list[Method]) -> Table | None:
    if not models:
        return None
    rows = []
    for method in models:
        line = [cell(method.number("test", part), "nats") for part in PARTS]
        active, latent = method.measured("metrics", "active_units"), method.measured("metrics", "latent")
        known = active.value is not None and latent.value is not None
        line.append(
            Cell(f"{text.count(active.value or 0)} of {text.count(latent.value or 0)}")
            if known
            else cell(active, "compact")
        )
        rows.append(Row(method.title, line))
    columns = [*PARTS.values(), "Latent units in use"]
    return Table("Generator", columns, rows, [("nats an image, on the test images", len(PARTS)), ("", 1)])


def _figures(method: Method) -> list[Figure]:
    root, title = method.first.evaluation_folder, method.title
    pictures = {
        root / "samples.png": ("Samples", "Samples, a column a class: not picked."),
        method.first.model_folder / "progress.png": (
            "Samples while training",
            "From the same noise while it trained, at first more often; the strip stops at the end of training.",
        ),
        root / "closest.png": ("Closest pairs", "Samples beside their nearest training image, the nearest pair first."),
        root / "steps.png": ("Quality by sampling steps", "Quality against the number of sampling steps."),
        root / "reconstructions.png": ("Reconstructions", "Test images above their reconstructions."),
        root / "interpolation.png": (
            "Interpolation",
            "Between two test images, along a straight line in latent space.",
        ),
        root / "traversals.png": ("Latent traversals", "One latent unit changes along each row, the others stay."),
        root / "latent_map.png": ("Latent map", "Codes of the test images, on their two widest directions."),
        root / "plane.png": ("Latent plane", "What each place of the two-dimensional latent space decodes to."),
        root / "course.png": ("Course of the training", "What the judge saw in its samples while it trained."),
        root / "curves.png": ("Training curves", "What was followed while it trained."),
    }
    return [
        found for path, (what, caption) in pictures.items() for found in figure(path, f"{what} of {title}", caption)
    ]
