"""What predicts mistakes or errors, and what predicts the target apart from the picture: in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.parts.table import Cell, Row, Table, cell
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

MOST = 3
"""Conditions named in the answer."""
PHRASES = {
    ("brightness", "low"): ("dark images", "mean gray value at most {}"),
    ("brightness", "high"): ("bright images", "mean gray value at least {}"),
    ("contrast", "low"): ("images of low contrast", "standard deviation of the gray values at most {}"),
    ("contrast", "high"): ("images of high contrast", "standard deviation of the gray values at least {}"),
    ("sharpness", "low"): ("blurred images", "Laplacian over contrast at most {}"),
    ("sharpness", "high"): ("images full of fine detail", "Laplacian over contrast at least {}"),
    ("border_rows", "low"): ("images with little plain border above and below", "share of the height at most {}"),
    ("border_rows", "high"): ("images with plain borders above and below", "share of the height at least {}"),
    ("border_columns", "low"): ("images with little plain border left and right", "share of the width at most {}"),
    ("border_columns", "high"): ("images with plain borders left and right", "share of the width at least {}"),
    ("pixels", "low"): ("small originals", "at most {} pixels"),
    ("pixels", "high"): ("large originals", "at least {} pixels"),
    ("aspect", "low"): ("narrow originals", "width over height at most {}"),
    ("aspect", "high"): ("wide originals", "width over height at least {}"),
    ("bytes", "low"): ("small files", "at most {} bytes"),
    ("bytes", "high"): ("large files", "at least {} bytes"),
}
"""A condition in words, and its limit."""
VALUES = {"format": "{} files", "camera": "images from the camera {}", "group": "the group {}"}


def phrase(condition: dict[str, Any]) -> tuple[str, str]:
    """Name the images under a condition, and say where its limit lies."""
    if condition["kind"] == "value":
        return VALUES[condition["attribute"]].format(condition["limit"]), ""
    words, limit = PHRASES[condition["attribute"], condition["kind"]]
    return words, limit.format(text.compact(condition["limit"]))


def conditions_table(found: Sequence[dict[str, Any]], target: str, names: Sequence[str]) -> Table | None:
    """Tabulate the conditions under which a model errs more; None if there are none."""
    rows = []
    for one in found:
        words, limit = phrase(one)
        cells = [] if target == "class" else [Cell(_named(one["output"], names, "any label"))]
        for error, images in (("error", "images"), ("error_else", "images_else")):
            if target == "numbers":
                cells.append(Cell(text.compact(one[error]), text.plural(one[images], "image")))
            else:
                share = f"{100 * one[error]:.1f}%"
                cells.append(Cell(f"{_mistakes(one[error], one[images])} of {text.count(one[images])}", share))
        within = one["within"]
        cells.append(cell(Number(one["ratio"], one["low"], one["high"]), "compact"))
        cells.append(Cell(text.compact(within) if within is not None else text.DASH))
        rows.append(Row(f"{words}: {limit}" if limit else words, cells))
    if not rows:
        return None
    if target == "numbers":
        columns = ["Number", "Mean absolute error", "Elsewhere", "Ratio", "Ratio within quarters"]
        return Table("Where errors are larger", columns, rows)
    columns = ["Wrong", "Wrong elsewhere", "Ratio", "Ratio within classes"]
    if target == "labels":
        columns = ["Label", *columns[:3], "Ratio within equal labels"]
    return Table("Where mistakes are more frequent", columns, rows)


def shortcuts_table(found: Sequence[dict[str, Any]], target: str, names: Sequence[str]) -> Table | None:
    """Tabulate how well each kind of attribute predicts the target; None if none could be tested.

    Of labels and numbers, it has all that leak, and for the other kinds of attributes the one that is predicted best.
    """
    rows = []
    for one in found if target == "class" else _worst(found):
        if one["accuracy"] is None:  # for no label or number
            named = [] if target == "class" else [Cell(text.DASH)]
            cells = [Cell(text.DASH, one["reason"], "none"), Cell(text.DASH), Cell(text.DASH)]
            rows.append(Row(one["kind"], [*named, *cells]))
            continue
        named = [] if target == "class" else [Cell(names[one["output"]])]
        accuracy = Number(one["accuracy"], one["low"], one["high"])
        cells = [cell(accuracy, "percent", tone="bad" if one["found"] else "")]
        cells += [Cell(text.percent(one["chance"])), Cell(text.count(one["images"]))]
        rows.append(Row(one["kind"], [*named, *cells], badge="leak" if one["found"] else ""))
    if all(one["accuracy"] is None for one in found):
        return None
    columns = ["Balanced accuracy, %", "Chance, %", "Images"]
    first = {"class": [], "labels": ["Label"], "numbers": ["Quarter of"]}[target]
    head = {"class": "The class from the", "labels": "The label from the", "numbers": "The number from the"}[target]
    return Table(head, [*first, *columns], rows)


def shortcut_findings(found: Sequence[dict[str, Any]], target: str, names: Sequence[str]) -> Iterator[Finding]:
    """Warn of attributes that predict the target on their own."""
    leaks = [one for one in found if one["found"]]
    shown = leaks if target == "class" else sorted(leaks, key=_by_accuracy)[:MOST]
    for one in shown:
        accuracy = Number(one["accuracy"], one["low"], one["high"])
        words = say("The {} alone predicts ", one["kind"])
        named = {"labels": "whether <b>{}</b> is there", "numbers": "the quarter of <b>{}</b>"}.get(target, "the class")
        words += say(named, _named(one["output"], names, ""))
        words += say(": balanced accuracy <b>{}</b>", text.full(accuracy, "percent"))
        words += say(", chance {}%. A network may use it in place of the picture.", text.percent(one["chance"]))
        if one is shown[-1] and len(leaks) > len(shown):
            words += say(" The table of shortcuts has {} more.", len(leaks) - len(shown))
        yield Finding("Shortcut", "a leak", "bad", words)


def condition_findings(
    found: Sequence[dict[str, Any]], model: Markup, target: str, names: Sequence[str]
) -> Iterator[Finding]:
    """Say under which conditions the best model errs more."""
    for one in found[:MOST]:
        where, times = phrase(one)[0], text.compact(one["ratio"])
        images = text.count(one["images"])
        if target == "numbers":
            words = say("The error of {} in {} is <b>{} times</b> as large", model, names[one["output"]], times)
            words += say(" in <b>{}</b>: {} on average over {} images", where, text.compact(one["error"]), images)
            words += say(", against {}", text.compact(one["error_else"]))
        else:
            about = "" if target == "class" else say(" about {}", _named(one["output"], names, "some label"))
            words = say("{} is wrong{} <b>{} times</b> as often", model, about, times)
            words += say(" in <b>{}</b>: {} of {}", where, _mistakes(one["error"], one["images"]), images)
            wrong = _mistakes(one["error_else"], one["images_else"])
            words += say(", against {} of {}", wrong, text.count(one["images_else"]))
        words += say(" elsewhere ({} to {}).", text.compact(one["low"]), text.compact(one["high"]))
        yield Finding("Errors" if target == "numbers" else "Mistakes", _MORE.get(target, "more frequent"), "bad", words)


_MORE = {"numbers": "larger"}


def _mistakes(share: float, images: int) -> str:
    """Return the number of mistakes that a share of some images is."""
    return text.count(round(share * images))


def _named(output: int | None, names: Sequence[str], every: str) -> str:
    return every if output is None else names[output]


def _worst(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what leaks, and the most telling test of each other kind of attribute."""
    chosen = []
    for kind in dict.fromkeys(one["kind"] for one in found):
        ranked = sorted((one for one in found if one["kind"] == kind), key=_by_accuracy)
        chosen += [one for one in ranked if one["found"]] or ranked[:1]
    return chosen


def _by_accuracy(one: dict[str, Any]) -> float:
    return -1.0 * (one["low"] if one["low"] is not None else -1.0)
