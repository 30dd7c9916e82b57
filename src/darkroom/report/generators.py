"""The generative models side by side: likelihood bounds, samples, reconstructions."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.report import chart, text
from darkroom.report.chart import Chart
from darkroom.report.intervals import Number
from darkroom.report.results import Method, Results
from darkroom.report.table import Cell, Figure, Row, Table, cell, figure, seconds

PARTS = {"elbo": "ELBO", "reconstruction": "Reconstruction", "kl": "KL"}


@dataclass(frozen=True)
class Generators:
    """The section's content; `ranked` is by the ELBO on the test images, best first."""

    ranked: list[Method]
    elbos: list[Number]
    items: int
    seeds: int
    elbo: Chart | None
    table: Table
    figures: list[tuple[str, list[Figure]]]


def section(results: Results) -> Generators | None:
    """None when there is no generator to show."""
    if not results.generators:
        return None

    def order(method: Method) -> float:
        value = method.number("test", "elbo").value
        return -value if value is not None else float("inf")

    ranked = sorted(results.generators, key=order)
    elbos = [method.number("test", "elbo") for method in ranked]
    drawn = chart.numbers([(m.title, n) for m, n in zip(ranked, elbos, strict=True)], "nats", chosen=0)
    return Generators(
        ranked=ranked,
        elbos=elbos,
        items=int(ranked[0].first.metrics.get("items", 0)),
        seeds=max(len(m.runs) for m in ranked),
        elbo=drawn if len(ranked) > 1 else None,
        table=_table(ranked),
        figures=[(m.title, _figures(m)) for m in ranked],
    )


def _table(ranked: list[Method]) -> Table:
    rows = []
    for index, method in enumerate(ranked):
        line = [cell(method.number("test", part), "nats") for part in PARTS]
        active, latent = method.measured("metrics", "active_units"), method.measured("metrics", "latent")
        known = active.value is not None and latent.value is not None
        line.append(
            Cell(f"{text.count(active.value or 0)} of {text.count(latent.value or 0)}")
            if known
            else cell(active, "compact")
        )
        parameters = method.measured("model", "parameters")
        line += [
            Cell(text.count(parameters.value)) if parameters.value is not None else cell(parameters, "compact"),
            seconds(method.measured("model_timing", "seconds")),
            cell(method.measured("timing", "ms_per_sample"), "compact"),
        ]
        rows.append(Row(method.title, line, chosen=index == 0 and len(ranked) > 1))
    columns = [*PARTS.values(), "Latent units in use", "Parameters", "Training", "ms a sample"]
    return Table("Generator", columns, rows, [("nats an image, on the test images", len(PARTS)), ("", 4)])


def _figures(method: Method) -> list[Figure]:
    root, title = method.first.folder / "evaluation", method.title
    pictures = {
        "samples.png": ("Samples", "Samples, drawn from the prior: not picked."),
        "reconstructions.png": ("Reconstructions", "Test images and their reconstructions."),
        "interpolation.png": ("Interpolation", "Between two test images, along a straight line in latent space."),
        "curves.png": ("Training curves", "The parts of the ELBO while it trained."),
    }
    return [
        found
        for name, (what, caption) in pictures.items()
        for found in figure(root / name, f"{what} of {title}", caption)
    ]
