"""Detectors fitted on normal images with ever more anomalous ones among them: how fast they get worse."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.report.intervals import Number
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.table import Row, Table, cell
from darkroom.report.results import Detector, Results
from darkroom.report.words import text


@dataclass(frozen=True)
class Mixture:
    """The shares that one choice of normal classes was tried with."""

    normal: str
    seeds: int
    drawn: Curves
    table: Table


def section(results: Results) -> list[Mixture]:
    """The choices of normal classes with several shares; mostly none."""
    found: dict[tuple[str, ...], dict[str, dict[float, Detector]]] = {}
    for detector in results.detectors:
        by_share = found.setdefault(results.normal[detector.task], {}).setdefault(detector.title, {})
        by_share[results.contamination[detector.task]] = detector
    several = {
        normal: members for normal, members in found.items() if len({s for row in members.values() for s in row}) > 1
    }
    return [_mixture(normal, members) for normal, members in several.items()]


def mixed(normal: tuple[str, ...], share: float) -> str:
    """The normal classes and what is among them: `8 and 5 % of anomalies`."""
    return text.listed(normal) + (f" and {percent(share)} of anomalies" if share else "")


def percent(share: float) -> str:
    """A share as the config has it: `5 %`, `0.5 %`."""
    return f"{100 * share:.3g}{text.unit('percent')}"


def _mixture(normal: tuple[str, ...], found: dict[str, dict[float, Detector]]) -> Mixture:
    shares = sorted({share for row in found.values() for share in row})
    numbers = {name: {share: d.share("image", "auroc") for share, d in row.items()} for name, row in found.items()}
    missing = Number(reason="missing")
    rows = [Row(name, [cell(row.get(share, missing), "decimal") for share in shares]) for name, row in numbers.items()]
    labels = {share: percent(share) for share in shares}
    return Mixture(
        normal=text.listed(normal),
        seeds=max(len(d.runs) for row in found.values() for d in row.values()),
        drawn=curves("AUROC", "anomalous images among those it was fitted on", numbers, labels),
        table=Table("Detector", list(labels.values()), rows),
    )
