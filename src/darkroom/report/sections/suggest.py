"""Which image to label next: accuracy by number of labels, and whether any rule beats labeling at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, Number, over_seeds, paired
from darkroom.measure.resampled import corrected_test, holm
from darkroom.report.parts.curves import MOST_TICKS, Curves, curves
from darkroom.report.parts.table import Cell, Table, cell, change, rows
from darkroom.report.results import UNIT, Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

BASELINE, SURE = "random", 0.05
COLUMN = "labels_"


@dataclass(frozen=True)
class Against:
    """A rule minus `random`, averaged over all rounds after the start."""

    rule: str
    gain: Difference
    p: float | None
    """Adjusted by Holm's method for the number of rules; None with a single seed."""

    @property
    def better(self) -> bool:
        """Whether the rule is recommended: its interval and its adjusted p-value both say that it is better."""
        return self.gain.clear and self.gain.value > 0 and self.p is not None and self.p < SURE


@dataclass(frozen=True)
class Simulation:
    """The section's content."""

    by_labels: Curves
    table: Table
    compared: list[Against]
    seeds: int
    images: int
    """Test images."""
    labels: tuple[int, int]
    """Number of labels at the start and at the end."""
    name: str
    """Of the data set."""

    @property
    def best(self) -> str | None:
        """The recommended rule that gains most, if any is recommended."""
        better = [one for one in self.compared if one.better]
        return max(better, key=lambda one: one.gain.value).rule if better else None


def read(results: Results) -> Simulation | None:
    """Read the simulations; None if there are none."""
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for key, folder in results.simulations.items():
        rule, _, seed = key.rpartition("/")
        found.setdefault(rule, {})[seed] = pd.read_parquet(folder / "predictions.parquet").sort_values("id")
    if not found:
        return None
    scores = {rule: _by_labels(list(tables.values())) for rule, tables in found.items()}
    numbers = sorted({number for line in scores.values() for number in line})
    compared = _compared(found)
    gains = {one.rule: one for one in compared}
    cells = [
        [
            cell(line[max(line)], "percent"),
            change(
                gains[rule].gain if rule in gains else None, missing="the baseline" if rule == BASELINE else "no pairs"
            ),
            _p(gains.get(rule)),
        ]
        for rule, line in scores.items()
    ]
    columns = [f"Accuracy with {numbers[-1]:.0f} labels, %", f"Mean difference from {BASELINE}, points", "p (Holm)"]
    step = max(1, len(numbers) // MOST_TICKS)
    return Simulation(
        by_labels=curves("Accuracy", "labels", scores, {n: f"{n:.0f}" for n in numbers[::step]}),
        table=Table("Rule", columns, rows([*scores], cells)),
        compared=compared,
        seeds=max(map(len, found.values())),
        images=max(len(table) for tables in found.values() for table in tables.values()),
        labels=(int(numbers[0]), int(numbers[-1])),
        name=results.name,
    )


def answer(content: Simulation) -> Answer:
    """Recommend the rules that are clearly better than random, and none otherwise."""
    if not content.compared:
        return Answer()
    better = [one for one in content.compared if one.better]
    span = say("From {} to {} labels", *content.labels)
    if better:
        listed = text.listed([f"{one.rule} ({text.points(one.gain)})" for one in better])
        words = say("{}, choosing images by {} gives a higher accuracy than labeling at random.", span, listed)
        return Answer(findings=[Finding("Which image to label next", "better than random", "good", words)])
    why = "" if content.seeds > 1 else " A single seed cannot show it."
    words = say("{}, no rule is clearly better than labeling at random, so none is recommended.{}", span, why)
    return Answer(findings=[Finding("Which image to label next", "no clear difference", "even", words)])


SECTION = Section("suggest", "Which image to label next", read, answer, rank=7)


def _by_labels(tables: list[pd.DataFrame]) -> dict[float, Number]:
    """Return the accuracy by number of labels, averaged over seeds."""
    numbers = [str(name) for name in tables[0] if str(name).startswith(COLUMN)]
    return {
        float(name.removeprefix(COLUMN)): over_seeds(
            [Number(float((table[name] == table["label"]).mean())) for table in tables if name in table], UNIT
        )
        for name in numbers
    }


def _compared(found: dict[str, dict[str, pd.DataFrame]]) -> list[Against]:
    base, compared = found.get(BASELINE, {}), []
    for rule, tables in found.items():
        pairs = [(table, base[seed]) for seed, table in tables.items() if seed in base]
        if rule != BASELINE and pairs:
            gains = [_gains(table, other) for table, other in pairs]
            p = corrected_test([float(gain.mean()) for gain in gains], 0) if len(gains) > 1 else None
            compared.append((rule, paired(gains), p))
    adjusted = iter(holm([p for _, _, p in compared if p is not None]))
    return [Against(rule, gain, None if p is None else next(adjusted)) for rule, gain, p in compared]


def _gains(table: pd.DataFrame, other: pd.DataFrame) -> NDArray[np.float64]:
    """Return per test image how much more often a rule's classifiers are right than the other's, over the rounds of both."""
    shared = [name for name in table if str(name).startswith(COLUMN) and name in other][1:]
    right, before = (each[shared].eq(each["label"], axis=0).to_numpy(np.float64) for each in (table, other))
    gains: NDArray[np.float64] = (right - before).mean(1)
    return gains


def _p(one: Against | None) -> Cell:
    if one is None or one.p is None:
        return Cell(text.DASH, "" if one is None else "a single seed", "none")
    return Cell(text.decimal(one.p))
