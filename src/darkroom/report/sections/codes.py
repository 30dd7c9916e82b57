"""Detectors that differ only in the size of their code: what each family reconstructs from fewer and fewer numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.files import canonical
from darkroom.measure.intervals import Number
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, seconds
from darkroom.report.results import DetectorRuns, Results
from darkroom.report.section import Section
from darkroom.report.words import text

SIZES = ("components", "latent")
"""The options of detectors that set how many numbers a code has."""
BYTES = 4
"""Per number, as float32."""

Family = dict[int, DetectorRuns]
"""Detectors by the size of their code, the smallest first."""


@dataclass(frozen=True)
class Strip:
    """Reconstructions from codes of one size: the originals first, then one row per family."""

    size: str
    rows: list[tuple[str, Figure]]


@dataclass(frozen=True)
class Codes:
    """The code sizes of one task."""

    normal: str
    pixels: int
    """Bytes of an uncompressed image."""
    seeds: int
    lowest: str
    """The family with the lowest error at each size, in words."""
    drawn: list[Curves]
    tables: list[tuple[str, Table]]
    strips: list[Strip]


def read(results: Results) -> list[Codes] | None:
    """Read the tasks in which some detectors differ only in code size; None, as usual, if there are none."""
    tasks = dict.fromkeys(detector.task for detector in results.detectors)
    found = [(task, families(results, task)) for task in tasks]
    return [_codes(results, task, members) for task, members in found if members] or None


SECTION = Section("codes", "Code size", read)


def families(results: Results, task: str) -> dict[str, Family]:
    """Group the detectors of a task that reconstruct images by all settings but the size; keep groups of several sizes.

    A family is named after its detector with the smallest code, without that size at the end of the name.
    """
    found: dict[str, Family] = {}
    for detector in results.detectors:
        settings = results.detector_settings.get(detector.title)
        size = _size(settings)
        if detector.task != task or settings is None or size is None or error(detector).value is None:
            continue
        plugin = {key: value for key, value in settings["detector"].items() if key not in SIZES}
        found.setdefault(canonical({**settings, "detector": plugin}), {})[size] = detector
    named: dict[str, Family] = {}
    for family in found.values():
        if len(family) > 1:
            ordered = dict(sorted(family.items()))
            name = _name(ordered)
            named[name if name not in named else next(iter(ordered.values())).title] = ordered
    return named


def error(detector: DetectorRuns) -> Number:
    """Return the mean squared reconstruction error of normal test images."""
    return detector.number("reconstruction", "mse", bounds=(0, math.inf))


def auroc(detector: DetectorRuns) -> Number:
    """Return how often an anomalous image scores above a normal one."""
    return detector.share("image", "auroc")


def _size(settings: Mapping[str, Any] | None) -> int | None:
    plugin = (settings or {}).get("detector", {})
    return next((int(plugin[key]) for key in SIZES if key in plugin), None)


def _name(family: Family) -> str:
    size, first = next(iter(family.items()))
    return re.sub(rf"[_-]?{size}$", "", first.title) or first.title


def _codes(results: Results, task: str, found: dict[str, Family]) -> Codes:
    sizes = sorted({size for family in found.values() for size in family})
    labels = {float(size): str(size) for size in sizes}

    def over(measure: Callable[[DetectorRuns], Number]) -> dict[str, dict[float, Number]]:
        return {name: {float(size): measure(d) for size, d in family.items()} for name, family in found.items()}

    across = "code size (numbers)"
    first = next(iter(next(iter(found.values())).values()))
    return Codes(
        normal=text.normal(results.normal[task], results.contamination[task]),
        pixels=math.prod(first.first.model.get("shape", [0])),
        seeds=max(len(d.runs) for family in found.values() for d in family.values()),
        lowest=_lowest(sizes, found),
        drawn=[
            curves("Mean squared error of normal test images", across, over(error), labels, log_x=True, log_y=True),
            curves("AUROC", across, over(auroc), labels, log_x=True),
        ],
        tables=_tables(sizes, found),
        strips=[strip for size in sizes if (strip := _strip(size, found)).rows],
    )


def _lowest(sizes: list[int], found: dict[str, Family]) -> str:
    """`conv at 2, 4 and 8, pca at 16`."""
    best: dict[str, list[str]] = {}
    for size in sizes:
        errors = {name: error(family[size]).value or 0.0 for name, family in found.items() if size in family}
        best.setdefault(min(errors, key=lambda name: errors[name]), []).append(str(size))
    return ", ".join(f"{name} at {text.listed(at)}" for name, at in best.items())


def _tables(sizes: list[int], found: dict[str, Family]) -> list[tuple[str, Table]]:
    """Tabulate error, AUROC and fitting time: one row per family, one column per size."""

    def of(measure: Callable[[DetectorRuns], Cell]) -> Table:
        columns = [f"{size} ({text.count(BYTES * size)} bytes)" for size in sizes]
        blank = Cell(text.DASH)
        rows = [
            Row(name, [measure(family[size]) if size in family else blank for size in sizes])
            for name, family in found.items()
        ]
        return Table("Code size", columns, rows)

    return [
        ("Mean squared error of normal test images", of(lambda d: cell(error(d), "compact"))),
        ("AUROC", of(lambda d: cell(auroc(d), "decimal"))),
        ("Fitting time", of(lambda d: seconds(d.measured("model_timing", "seconds")))),
    ]


def _strip(size: int, found: dict[str, Family]) -> Strip:
    rows: list[tuple[str, Figure]] = []
    for name, family in found.items():
        if size not in family:
            continue
        folder = family[size].first.evaluation_folder
        originals = figure(folder / "originals.png", "Test images: normal ones, then a gap, then anomalous ones")
        alt = f"The same images, reconstructed by {name} from {text.plural(size, 'number')}"
        made = figure(folder / "reconstructions.png", alt)
        if originals and made:
            rows += [("originals", originals[0])] * (not rows) + [(name, made[0])]
    return Strip(text.plural(size, "number"), rows)
