"""The augmentation audit: which transforms preserve the labels of which classes, and a policy that preserves them all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

from darkroom import files
from darkroom.measure.intervals import Number, number
from darkroom.report.parts.clips import Clip, clips
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure
from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.differences import marked
from darkroom.report.words.finding import Finding
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

SHOWN = 20
"""Classes in the heat map; classes that a transform was ruled out for take precedence."""
FEW = 3
"""Classes named per transform in the answer; beyond that, it gives their number."""
LISTED = 12
"""Classes named per transform in the section, those that lose most labels first."""
RULED = ("drop", "weaken")
SHADES = 9
CHANCE = 0.5
"""Accuracy of guessing whether an image is transformed."""
NUMBERS = {
    "kept": ("Labels kept, %", "percent"),
    "realism": ("Distance to real images", "compact"),
    "spread": ("Spread", "compact"),
    "surprise": ("Added loss, nats", "compact"),
}
"""What the audit measures, with its heading and style."""
OF_NUMBERS = {
    "kept": ("Kept, %", "percent"),
    "shift": ("Change of the prediction, own errors", "compact"),
    "slope": ("Slope", "compact"),
    "realism": NUMBERS["realism"],
    "spread": NUMBERS["spread"],
}
"""The same for numbers."""
NOUNS = {
    "class": ("class", "the labels of some classes"),
    "labels": ("label", "some labels"),
    "numbers": ("number", "some numbers"),
}
"""What a transform may change, and some of them."""


@dataclass(frozen=True)
class Changed:
    """A text before and after a transform, with the differences marked, its class, and the classifier's prediction after it."""

    before: Markup
    after: Markup
    label: str
    answer: str


@dataclass(frozen=True)
class Audit:
    """The audit of one policy.

    `cues` has a sentence on each transform that some classes go without; `given_away` names those of the policy itself whose
    traces can be seen.

    `ruled` has the transforms that were ruled out for some classes, with those classes, the worst first; `judged` says
    whether the audit reached a verdict on none, some or all of the classes.
    """

    policy: str
    target: str
    tolerance: str
    folds: int
    heat: Table
    hidden: int
    ruled: list[tuple[str, list[Markup]]]
    named: list[tuple[str, list[Markup]]]
    """The same for the answer: the labels alone, where those with and without one are judged apart."""
    cues: list[Markup]
    given_away: list[str]
    listed: int
    judged: Literal["none", "some", "all"]
    transforms: int
    numbers: Table
    skipped: list[str]
    figures: list[Figure]
    clips: list[Clip]
    texts: list[tuple[str, list[Changed]]]
    """Examples of texts by transform and class."""
    negations: list[Markup]
    """What the transforms do to the negations of texts."""
    suggestion: str
    file: str
    """All numbers, relative to the results."""


def read(results: Results) -> list[Audit] | None:
    """Read the audit of each policy that has one; None if none has."""
    return [_audit(folder, policy, results) for policy, folder in results.audits.items()] or None


def answer(audits: list[Audit]) -> Answer:
    """State what the audits found, one sentence per policy; a policy that only mixes images gets none."""
    findings = [_finding(audit) for audit in audits if audit.transforms]
    return Answer(findings=findings + [_class_cue(audit) for audit in audits if audit.given_away])


SECTION = Section("audit", "Audit", read, answer, rank=4)


def _finding(audit: Audit) -> Finding:
    if audit.judged == "none":
        words = say("Whether <b>{}</b> preserves labels could not be judged for any class.", audit.policy)
        return Finding("Audit", "not judged", "note", words)
    if not audit.ruled:
        judged = " that could be judged" if audit.judged == "some" else ""
        what = (
            "changes a number{}" if audit.target == "numbers" else f"turns a {NOUNS[audit.target][0]}{{}} into another"
        )
        words = say("No transform of <b>{}</b> ", audit.policy) + say(what, judged) + Markup(".")
        if audit.judged == "some":
            return Finding("Audit", "partly judged", "note", words)
        return Finding("Audit", f"{_kept(audit)} preserved", "good", words)
    words = say("{} of {} of <b>{}</b>", len(audit.ruled), text.plural(audit.transforms, "transform"), audit.policy)
    words += say(" {} {}: ", "changes" if len(audit.ruled) == 1 else "change", NOUNS[audit.target][1])
    words += Markup("; ").join(say("{} ({})", name, _few(lost, audit.target)) for name, lost in audit.named) + Markup(
        "."
    )
    return Finding("Audit", f"{_kept(audit)} change", "bad", words)


def _kept(audit: Audit) -> str:
    return "numbers" if audit.target == "numbers" else "labels"


def _class_cue(audit: Audit) -> Finding:
    words = say("<b>{}</b> applies {} to some classes only", audit.policy, text.listed(audit.given_away))
    words += Markup(", and leaves visible traces: a network may take them for a sign of the class.")
    return Finding("Audit", "class cue", "bad", words)


def _audit(folder: Path, policy: str, results: Results) -> Audit:
    found: dict[str, Any] = files.read_json(folder / "audit.json")
    titles = {step["key"]: step["title"] for step in found["steps"]}
    cells: dict[str, dict[str, Any]] = found["cells"]
    ruled_out = {name for row in cells.values() for name, entry in row.items() if entry["verdict"] in RULED}
    classes = sorted(found["classes"], key=lambda name: name not in ruled_out)[:SHOWN]
    classes = [name for name in found["classes"] if name in classes]
    ruled, named = [], []
    for key, row in cells.items():
        lost = [(name, entry) for name, entry in row.items() if entry["verdict"] in RULED]
        if lost := sorted(lost, key=lambda one: one[1]["numbers"]["kept"]["value"]):
            ruled.append((titles[key], [_ruled(name, entry) for name, entry in lost]))
            labels = dict.fromkeys(found["of"][name] for name, _ in lost) if found["target"] == "labels" else ()
            named.append((titles[key], [say("<b>{}</b>", label) for label in labels] or ruled[-1][1]))
    caption = worded(
        "The transforms and classes that lose most labels: training images before and after, with their true class and "
        "the classifier's prediction."
    )
    if found["target"] != "class":
        lost_most = (
            f"The transforms that lose most {found['target']}: training images before and after, true → predicted."
        )
        caption = worded(lost_most)
    examples = figure(folder / "examples.png", f"{worded('Images')} that {policy} changes most", caption)
    return Audit(
        policy=policy,
        target=found["target"],
        tolerance=text.share(found["tolerance"]),
        folds=found["folds"],
        heat=_heat(found, titles, classes),
        hidden=len(found["classes"]) - len(classes),
        ruled=ruled,
        named=named,
        cues=[_cue(titles[key], cue) for key, cue in found["cues"].items()],
        given_away=[titles[k] for k, cue in found["cues"].items() if cue["where"] == "policy" and _visible(cue)],
        listed=LISTED,
        judged=_judged(cells),
        transforms=len(cells),
        numbers=_numbers(found, titles),
        skipped=[step["title"] for step in found["steps"] if not step["judged"]],
        figures=examples if found.get("examples", True) else [],
        clips=clips(folder),
        texts=_texts(folder / "examples.json"),
        negations=[_negated(titles[key], entry) for key, entry in found.get("negations", {}).items()],
        suggestion=(folder / "policy.yaml").read_text(encoding="utf-8").rstrip(),
        file=(folder / "audit.csv").relative_to(results.root).as_posix(),
    )


def _texts(path: Path) -> list[tuple[str, list[Changed]]]:
    """Read the examples of texts; none of other samples."""
    return [
        (
            line["title"],
            [Changed(*marked(e["before"], e["after"]), e["label"], e["answer"]) for e in line["examples"]],
        )
        for line in (files.read_json(path) if path.is_file() else ())
        if line["examples"]
    ]


def _negated(title: str, found: dict[str, Any]) -> Markup:
    """Say how many texts have other negations after a transform, and how many of those keep their label."""
    changed, kept, others = (number(found, name) for name in ("changed", "kept", "others"))
    if changed.value is None:
        return say("<b>{}</b>: unknown, there is {}.", title, changed.reason)
    words = say("<b>{}</b> adds or removes a negation in {} of the texts", title, text.full(changed, "percent"))
    if not changed.value:
        return words + Markup(".")
    words += say("; {} of those keep their label", text.full(kept, "percent"))
    return words + say(", and {} of the others.", text.full(others, "percent"))


def _judged(cells: dict[str, dict[str, Any]]) -> Literal["none", "some", "all"]:
    known = [entry["verdict"] != "unknown" for row in cells.values() for entry in row.values()]
    if not any(known):
        return "none"
    return "all" if all(known) else "some"


def _heat(found: dict[str, Any], titles: dict[str, str], classes: list[str]) -> Table:
    """Tabulate transforms × classes: the share of labels kept, shaded, with the verdict below it."""
    rows = []
    for key, row in found["cells"].items():
        line = []
        for name in classes:
            entry = row[name]
            line.append(_shaded(number(entry, "numbers", "kept"), _verdict(entry)))
        rows.append(Row(titles[key], line))
    clean, together = (
        [_shaded(number(found["whole"][name], "numbers", share), "") for name in classes] for share in ("clean", "kept")
    )
    return Table(
        f"{'Numbers' if found['target'] == 'numbers' else 'Labels'} kept, %",
        classes,
        [Row("originals", clean), *rows, Row("whole policy", together)],
    )


def _shaded(share: Number, verdict: str) -> Cell:
    if share.value is None:
        return Cell(text.DASH, verdict or "not judged", "none")
    return Cell(text.percent(share.value), verdict, f"heat heat{min(SHADES, int(share.value * (SHADES + 1)))}")


def _verdict(entry: dict[str, Any]) -> str:
    if entry["verdict"] == "weaken":
        return f"weaken to {entry['weaken_to']:.2f}"
    return str(entry["note"]) if entry["verdict"] == "keep" else str(entry["verdict"])


def _ruled(name: str, entry: dict[str, Any]) -> Markup:
    into, numbers = entry["turned_into"][:1], entry["numbers"]
    done = "dropped" if entry["verdict"] == "drop" else f"weakened to {entry['weaken_to']:.2f}"
    if "shift" in numbers:
        words = say("<b>{}</b> {}, {}% kept", name, done, text.percent(numbers["kept"]["value"]))
        words += say("; the prediction changes by {} times the", text.compact(numbers["shift"]["value"]))
        slope = numbers["slope"]["value"]
        return words + say(
            " judge's own mean error, slope {}",
            text.DASH if slope is None else f"{slope:.2f}".replace("-", text.MINUS),
        )
    if not into:
        return say("<b>{}</b> {}", name, done)
    share = text.plain(Number(into[0]["share"]), "percent")
    return say("<b>{}</b> {}, {} predicted as {}", name, done, share, into[0]["class"])


def _cue(title: str, cue: dict[str, Any]) -> Markup:
    """Say which classes go without a transform, and whether that gives the others away."""
    where = "The policy applies" if cue["where"] == "policy" else "The policy below, as the audit suggests, applies"
    words = say("{} <b>{}</b> to some classes only, not to ", where, title)
    words += _few([say("<b>{}</b>", name) for name in cue["without"]])
    accuracy = number(cue, "accuracy")
    if accuracy.value is None:
        return words + say(". Whether its traces can be seen is unknown: {}.", accuracy.reason)
    words += say(
        ". A classifier tells transformed images from originals with accuracy {}", text.full(accuracy, "percent")
    )
    if _visible(cue):
        return words + Markup(", so the trace alone is a cue to the class: apply it to all classes or to none.")
    return words + Markup(", no better than chance: its traces give no class away.")


def _visible(cue: dict[str, Any]) -> bool:
    accuracy = number(cue, "accuracy")
    return accuracy.low is not None and accuracy.low > CHANCE


def _few(lost: list[Markup], target: str = "class") -> Markup:
    """Name the classes, labels or numbers while they are few, else count them."""
    return Markup("; ").join(lost) if len(lost) <= FEW else say("{}", text.plural(len(lost), NOUNS[target][0]))


def _numbers(found: dict[str, Any], titles: dict[str, str]) -> Table:
    """Tabulate one row per transform: the mean over the classes, labels or numbers, with the lowest and the highest."""
    rows, measured = [], OF_NUMBERS if found["target"] == "numbers" else NUMBERS
    for key, row in found["cells"].items():
        line = []
        for name, (_, style) in measured.items():
            values = [entry["numbers"].get(name, {}).get("value") for entry in row.values()]
            known = [value for value in values if value is not None]
            spread = Number(float(np.mean(known)), min(known), max(known)) if known else Number(reason="not judged")
            line.append(cell(spread, style))
        rows.append(Row(titles[key], line))
    return Table("Transform", [heading for heading, _ in measured.values()], rows)
