"""What predicts mistakes, and what predicts the class apart from the picture: in words and tables."""

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


def conditions_table(found: Sequence[dict[str, Any]]) -> Table | None:
    """Tabulate the conditions under which a classifier errs more often; None if there are none."""
    rows = []
    for one in found:
        words, limit = phrase(one)
        shares = [
            Cell(f"{text.count(one[wrong])} of {text.count(one[images])}", f"{100 * one[wrong] / one[images]:.1f}%")
            for wrong, images in (("wrong", "images"), ("wrong_else", "images_else"))
        ]
        within = one["within_classes"]
        shares.append(cell(Number(one["ratio"], one["low"], one["high"]), "compact"))
        shares.append(Cell(text.compact(within) if within is not None else text.DASH))
        rows.append(Row(f"{words}: {limit}" if limit else words, shares))
    columns = ["Wrong", "Wrong elsewhere", "Ratio", "Ratio within classes"]
    return Table("Where mistakes are more frequent", columns, rows) if rows else None


def shortcuts_table(found: Sequence[dict[str, Any]]) -> Table | None:
    """Tabulate how well each kind of attribute predicts the class; None if none could be tested."""
    rows = []
    for one in found:
        if one["accuracy"] is None:
            rows.append(Row(one["kind"], [Cell(text.DASH, one["reason"], "none"), Cell(text.DASH), Cell(text.DASH)]))
            continue
        accuracy = Number(one["accuracy"], one["low"], one["high"])
        cells = [cell(accuracy, "percent", tone="bad" if one["found"] else "")]
        cells += [Cell(text.percent(one["chance"])), Cell(text.count(one["images"]))]
        rows.append(Row(one["kind"], cells, badge="leak" if one["found"] else ""))
    if all(one["accuracy"] is None for one in found):
        return None
    return Table("The class from the", ["Balanced accuracy, %", "Chance, %", "Images"], rows)


def shortcut_findings(found: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Warn of attributes that predict the class on their own."""
    for one in found:
        if one["found"]:
            accuracy = Number(one["accuracy"], one["low"], one["high"])
            words = say("The {} alone predicts the class", one["kind"])
            words += say(": balanced accuracy <b>{}</b>", text.full(accuracy, "percent"))
            words += say(", chance {}%. A network may use it in place of the picture.", text.percent(one["chance"]))
            yield Finding("Shortcut", "a leak", "bad", words)


def condition_findings(found: Sequence[dict[str, Any]], classifier: Markup) -> Iterator[Finding]:
    """Say under which conditions the best classifier errs more often."""
    for one in found[:MOST]:
        words = say("{} is wrong <b>{} times</b> as often", classifier, text.compact(one["ratio"]))
        words += say(" in <b>{}</b>: {} of {}", phrase(one)[0], text.count(one["wrong"]), text.count(one["images"]))
        words += say(", against {} of {}", text.count(one["wrong_else"]), text.count(one["images_else"]))
        words += say(" elsewhere ({} to {}).", text.compact(one["low"]), text.compact(one["high"]))
        yield Finding("Mistakes", "more frequent", "bad", words)
