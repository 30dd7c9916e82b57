"""The ladder: accuracy of each rung against its minutes, which rung to use, and what more images would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from darkroom import files
from darkroom.measure.intervals import Difference, Number, from_moments, number, over_seeds, paired
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.table import Cell, Table, cell, change, rows, seconds
from darkroom.report.results import UNIT, Results, timing
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, bracketed
from darkroom.report.words.text import say

TITLES = {
    "class_means": "class means",
    "logistic": "logistic head",
    "last_blocks": "last blocks",
    "all_layers": "all layers",
    "scratch": "from scratch",
}


@dataclass(frozen=True)
class Ladder:
    """The section's content. `effects` compares every tested rung with the chosen one on the same test images."""

    chosen: str
    accuracy: Number
    close: Markup
    """Whether chance explains the choice."""
    verdict: Markup
    table: Table
    effects: Chart | None
    climb: Curves | None
    learning: Curves | None
    forecasts: list[Markup]
    left_out: list[str]
    """Rungs that the budget or the clock left no time for."""
    missing: str
    images: dict[str, int]
    budget: dict[str, float]


def read(results: Results) -> Ladder | None:
    """Read the ladder; None if there is none."""
    if results.ladder is None:
        return None
    found: dict[str, Any] = files.read_json(results.ladder / "ladder.json")
    took = timing(results.ladder)
    minutes = {name: spent / 60 for name, spent in took.get("rungs", {}).items()}
    predictions = pd.read_parquet(results.ladder / "predictions.parquet")
    chosen: str = found["chosen"]
    found["rungs"] = {name: found["rungs"][name] for name in TITLES if name in found["rungs"]}
    tests = {name: _test(rung) for name, rung in found["rungs"].items()}
    gains = {
        name: _gain(predictions, name, chosen) for name in tests if name != chosen and tests[name].value is not None
    }
    lines = [
        [
            tests_cell(tests[name], rung),
            change(gains.get(name), missing="chosen" if name == chosen else "not tested"),
            _compared(name, found),
            seconds(Number(60 * minutes.get(name, 0.0))),
        ]
        for name, rung in found["rungs"].items()
    ]
    columns = [
        "Test accuracy, %",
        f"Difference from {TITLES[chosen]}, points",
        "Step on validation images, points",
        "Time",
    ]
    known = {
        TITLES[name]: {max(minutes.get(name, 0.0), 0.01): test}
        for name, test in tests.items()
        if test.value is not None
    }
    ticks = {round(at, 2): f"{at:.2g}" for line in known.values() for at in line}
    return Ladder(
        chosen=TITLES[chosen],
        accuracy=tests[chosen],
        close=closest(found),
        verdict=_verdict(chosen, gains),
        table=Table("Rung", columns, rows([TITLES[name] for name in tests], lines, chosen=TITLES[chosen])),
        effects=chart.differences([(TITLES[name], gain) for name, gain in gains.items()], "percent") if gains else None,
        climb=curves("Test accuracy", "minutes", known, ticks, log_x=True) if len(known) > 1 else None,
        learning=_learning(found["curve"]),
        forecasts=[_forecast(one) for one in (found["curve"] or {}).get("forecasts", [])],
        left_out=[TITLES[name] for name, rung in found["rungs"].items() if rung["status"] in ("no budget", "clock")],
        missing=found["missing"] or "",
        images=found["images"],
        budget=found["budget"],
    )


def answer(content: Ladder) -> Answer:
    """Head the page with the chosen rung if no classifier does; say what more images would bring."""
    tests = text.plural(content.images["test"], "test image")
    headline = say("The ladder's rung <b>{}</b> classifies ", content.chosen)
    headline += say("<b>{}</b> of {} correctly", text.plain(content.accuracy, "percent"), tests)
    words = say("<b>{}</b> reaches {}. ", content.chosen, text.full(content.accuracy, "percent"))
    words += Markup(" ").join(filter(None, (content.close, content.verdict)))
    if content.left_out:
        words += say(" Not compared for lack of time: {}.", text.listed(content.left_out))
    if content.forecasts:
        words += say(" {}", content.forecasts[-1])
    basis = say("Chosen from the rungs of the ladder by cross-validation, without the test images.")
    return Answer(
        headline + bracketed(content.accuracy, "percent"),
        basis,
        findings=[Finding("Ladder", "rung to use", "note", words)],
    )


SECTION = Section("ladder", "Ladder", read, answer, rank=2)


def tests_cell(test: Number, rung: dict[str, Any]) -> Cell:
    """Write a test accuracy, or why there is none."""
    return cell(test if test.value is not None else Number(reason=f"{rung['status']}: {rung['reason']}"), "percent")


def _test(rung: dict[str, Any]) -> Number:
    return over_seeds([number(one) for one in rung["test"]], UNIT)


def _compared(name: str, found: dict[str, Any]) -> Cell:
    """Write what decided whether the choice moved up to a rung: its gain over the rung below on the same images."""
    known = found["rungs"][name]["validation"]
    step = next((step for step in found["steps"] if step["to"] == name), None)
    if step is None and known["accuracy"] is not None and name == next(iter(found["rungs"])):
        return Cell(text.DASH, f"starts at {text.percent(known['accuracy'])}%, {text.plural(known['images'], 'image')}")
    if step is None:
        return Cell(text.DASH, "not compared", "none")
    against = f"over {TITLES[step['base']]}, {text.plural(step['images'], 'image')}, SE {100 * step['error']:.1f}"
    return Cell(text.signed(step["gain"], "percent"), against, "good" if step["taken"] else "")


def closest(found: dict[str, Any]) -> Markup:
    """Say so if chance explains how the chosen rung compares with its strongest rival on the same validation images."""
    chosen: str = found["chosen"]
    rivals = []
    for step in found["steps"]:
        if chosen in (step["to"], step["base"]):
            sign, other = (1, step["base"]) if step["to"] == chosen else (-1, step["to"])
            lead = from_moments(sign * step["gain"], step["error"], step["images"])
            rivals.append((lead, TITLES[other], step["images"]))
    close = [rival for rival in rivals if not rival[0].clear]
    if not close:
        return Markup("")
    lead, other, images = min(close, key=lambda rival: rival[0].value)
    count, shown = round(lead.value * images, 6), text.plural(images, "validation image")
    if count == 0:
        return say("It ties with {} on {}.", other, shown)
    how = "leads" if count > 0 else "is behind"
    return say("It {} {} by {} of {}, no more than chance explains.", how, other, text.count(abs(count)), shown)


def _gain(predictions: pd.DataFrame, name: str, chosen: str) -> Difference:
    """Return the difference of a rung from the chosen one, paired by seed and test image."""
    label = predictions["label"].to_numpy()

    def right(rung: str) -> dict[str, Any]:
        prefix = f"prediction_{rung}_"
        columns = [column for column in predictions if str(column).startswith(prefix)]
        return {str(c).removeprefix(prefix): (predictions[c].to_numpy() == label).astype(np.float64) for c in columns}

    ours, theirs = right(name), right(chosen)
    return paired([ours[seed] - theirs[seed] for seed in ours if seed in theirs])


def _verdict(chosen: str, gains: dict[str, Difference]) -> Markup:
    """Say which rungs differ clearly from the chosen one on the test images."""
    better = [TITLES[name] for name, gain in gains.items() if gain.clear and gain.value > 0]
    worse = [TITLES[name] for name, gain in gains.items() if gain.clear and gain.value < 0]
    even = [TITLES[name] for name, gain in gains.items() if not gain.clear]
    words = []
    if better:
        words.append(
            say("Clearly better on the test images, although validation did not show it: {}.", text.listed(better))
        )
    if worse:
        words.append(say("Clearly worse: {}.", text.listed(worse)))
    if even:
        order = list(TITLES)
        simpler = [title for title in even if order.index(_key(title)) < order.index(chosen)]
        advice = say("; {} is simpler", simpler[0]) if simpler else Markup("; use the simpler, faster one")
        words.append(say("No clear difference: {}", text.listed(even)) + advice + Markup("."))
    return Markup(" ").join(words)


def _key(title: str) -> str:
    return next(key for key, known in TITLES.items() if known == title)


def _learning(found: dict[str, Any] | None) -> Curves | None:
    if found is None:
        return None
    line = {
        float(size): Number(1 - float(np.mean(row)), 1 - max(row), 1 - min(row))
        for size, row in zip(found["sizes"], found["errors"], strict=True)
    }
    return curves(
        "Test accuracy of the logistic head",
        "training images",
        {"logistic head": line},
        {x: f"{x:.0f}" for x in line},
        log_x=True,
    )


def _forecast(one: dict[str, Any]) -> Markup:
    gain = Difference(one["value"], one["low"], one["high"])
    return say("{} more images bring {}.", text.count(one["more"]), text.points(gain))
