"""The augmentation audit: which transforms keep the labels of which classes, and the policy that keeps them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

from darkroom import files
from darkroom.report.intervals import Number, number
from darkroom.report.parts.table import Cell, Figure, Finding, Row, Table, cell, figure, say
from darkroom.report.results import Results
from darkroom.report.words import text

SHOWN = 20
"""Classes in the heat map; where there are more, those come first that a transform was ruled out for."""
FEW = 3
"""Classes named for each transform in the answer; of more, it tells the number."""
LISTED = 12
"""Classes named for each transform in the section, those that lose most labels."""
RULED = ("drop", "weaken")
SHADES = 9


@dataclass(frozen=True)
class Audit:
    """The audit of one policy. `ruled` has, for each transform that was ruled out for some class, those classes, the worst
    first; `judged` says of how many classes something could be said: none, some or all."""

    policy: str
    tolerance: str
    folds: int
    heat: Table
    hidden: int
    ruled: list[tuple[str, list[Markup]]]
    listed: int
    judged: Literal["none", "some", "all"]
    transforms: int
    numbers: Table
    skipped: list[str]
    figures: list[Figure]
    suggestion: str


def section(results: Results) -> list[Audit]:
    """An audit for each policy that has one."""
    return [_audit(folder, policy) for policy, folder in results.audits.items()]


def answer(audits: list[Audit]) -> Iterator[Finding]:
    """What the audits found, a sentence a policy; none for one that only mixes images."""
    for audit in audits:
        if not audit.transforms:
            continue
        if audit.judged == "none":
            words = say("What <b>{}</b> does to the labels could be judged for no class.", audit.policy)
            yield Finding("Audit", "not judged", "note", words)
            continue
        if not audit.ruled:
            judged = " that could be judged" if audit.judged == "some" else ""
            words = say("All transforms of <b>{}</b> keep the labels of all classes{}.", audit.policy, judged)
            yield Finding("Audit", "labels kept", "good", words)
            continue
        words = say("{} of {} transforms", len(audit.ruled), audit.transforms)
        words += say(" of <b>{}</b> change labels of some classes: ", audit.policy)
        words += Markup("; ").join(say("{} ({})", name, _few(told)) for name, told in audit.ruled) + Markup(".")
        yield Finding("Audit", "labels change", "bad", words)


def _audit(folder: Path, policy: str) -> Audit:
    found: dict[str, Any] = files.read_json(folder / "audit.json")
    titles = {step["key"]: step["title"] for step in found["steps"]}
    cells: dict[str, dict[str, Any]] = found["cells"]
    ruled_out = {name for row in cells.values() for name, told in row.items() if told["verdict"] in RULED}
    classes = sorted(found["classes"], key=lambda name: name not in ruled_out)[:SHOWN]
    classes = [name for name in found["classes"] if name in classes]
    ruled = []
    for key, row in cells.items():
        lost = [(name, told) for name, told in row.items() if told["verdict"] in RULED]
        if lost := sorted(lost, key=lambda one: one[1]["numbers"]["kept"]["value"]):
            ruled.append((titles[key], [_ruled(name, told) for name, told in lost]))
    caption = (
        "The transforms and classes that lose most labels: training images before and after, with the true class and "
        "what the classifier takes them for."
    )
    return Audit(
        policy=policy,
        tolerance=f"{text.percent(found['tolerance'])}{text.unit('percent')}",
        folds=found["folds"],
        heat=_heat(found, titles, classes),
        hidden=len(found["classes"]) - len(classes),
        ruled=ruled,
        listed=LISTED,
        judged=_judged(cells),
        transforms=len(cells),
        numbers=_numbers(found, titles),
        skipped=[step["title"] for step in found["steps"] if not step["judged"]],
        figures=figure(folder / "examples.png", f"Images that {policy} changes most", caption),
        suggestion=(folder / "policy.yaml").read_text(encoding="utf-8").rstrip(),
    )


def _judged(cells: dict[str, dict[str, Any]]) -> Literal["none", "some", "all"]:
    known = [told["verdict"] != "unknown" for row in cells.values() for told in row.values()]
    if not any(known):
        return "none"
    return "all" if all(known) else "some"


def _heat(found: dict[str, Any], titles: dict[str, str], classes: list[str]) -> Table:
    """Transforms × classes: the share of images given their label, the verdict below it, shaded by the share."""
    rows = []
    for key, row in found["cells"].items():
        line = []
        for name in classes:
            told = row[name]
            line.append(_shaded(number(told, "numbers", "kept"), _verdict(told)))
        rows.append(Row(titles[key], line))
    clean, together = (
        [_shaded(number(found["whole"][name], "numbers", share), "") for name in classes] for share in ("clean", "kept")
    )
    return Table("Label kept, %", classes, [Row("as they are", clean), *rows, Row("whole policy", together)])


def _shaded(share: Number, verdict: str) -> Cell:
    if share.value is None:
        return Cell(text.DASH, verdict or "not judged", "none")
    return Cell(text.percent(share.value), verdict, f"heat heat{min(SHADES, int(share.value * (SHADES + 1)))}")


def _verdict(told: dict[str, Any]) -> str:
    if told["verdict"] == "weaken":
        return f"weaken to {told['weaken_to']:.2f}"
    return str(told["note"]) if told["verdict"] == "keep" else str(told["verdict"])


def _ruled(name: str, told: dict[str, Any]) -> Markup:
    into = told["turned_into"][:1]
    done = "dropped" if told["verdict"] == "drop" else f"weakened to {told['weaken_to']:.2f}"
    if not into:
        return say("<b>{}</b> {}", name, done)
    share = f"{text.percent(into[0]['share'])}{text.unit('percent')}"
    return say("<b>{}</b> {}, {} taken for {}", name, done, share, into[0]["class"])


def _few(told: list[Markup]) -> Markup:
    """Each class while they are few, else how many there are."""
    return Markup("; ").join(told) if len(told) <= FEW else say("{} classes", len(told))


def _numbers(found: dict[str, Any], titles: dict[str, str]) -> Table:
    """A row a transform: means over the classes, with the lowest and the highest class."""
    rows = []
    for key, row in found["cells"].items():
        line = []
        for name, style in (
            ("kept", "percent"),
            ("realism", "compact"),
            ("spread", "compact"),
            ("surprise", "compact"),
        ):
            values = [told["numbers"].get(name, {}).get("value") for told in row.values()]
            known = [value for value in values if value is not None]
            spread = Number(float(np.mean(known)), min(known), max(known)) if known else Number(reason="not judged")
            line.append(cell(spread, style))
        rows.append(Row(titles[key], line))
    columns = ["Label kept, %", "Distance to real images", "Spread", "Added loss, nats"]
    return Table("Transform", columns, rows)
