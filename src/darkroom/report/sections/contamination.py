"""Detectors fitted on normal images with a growing share of anomalies among them: how fast they degrade."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.measure.intervals import Number
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.table import Row, Table, cell
from darkroom.report.results import DetectorRuns, Results
from darkroom.report.section import Section
from darkroom.report.words import text


@dataclass(frozen=True)
class Mixture:
    """The shares of anomalies that were tried with one choice of normal classes."""

    normal: str
    seeds: int
    drawn: Curves
    table: Table


def read(results: Results) -> list[Mixture] | None:
    """Read the choices of normal classes with several shares; None if there are none."""
    found: dict[tuple[str, ...], dict[str, dict[float, DetectorRuns]]] = {}
    for detector in results.detectors:
        by_share = found.setdefault(results.normal[detector.task], {}).setdefault(detector.title, {})
        by_share[results.contamination[detector.task]] = detector
    several = {
        normal: members for normal, members in found.items() if len({s for row in members.values() for s in row}) > 1
    }
    return [_mixture(normal, members) for normal, members in several.items()] or None


SECTION = Section("contamination", "Contamination", read)


def _mixture(normal: tuple[str, ...], found: dict[str, dict[float, DetectorRuns]]) -> Mixture:
    shares = sorted({share for row in found.values() for share in row})
    numbers = {name: {share: d.share("image", "auroc") for share, d in row.items()} for name, row in found.items()}
    missing = Number(reason="missing")
    rows = [Row(name, [cell(row.get(share, missing), "decimal") for share in shares]) for name, row in numbers.items()]
    labels = {share: text.share(share) for share in shares}
    return Mixture(
        normal=text.normal(normal),
        seeds=max(len(d.runs) for row in found.values() for d in row.values()),
        drawn=curves("AUROC", "share of anomalies among the images fitted on", numbers, labels),
        table=Table("Detector", list(labels.values()), rows),
    )
