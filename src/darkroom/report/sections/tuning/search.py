"""Searches: their trials, what each key does, and the best settings to paste into a config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom import files
from darkroom.measure.intervals import Difference, Number
from darkroom.report.comparisons import accuracy_change
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure
from darkroom.report.results import Results
from darkroom.report.words import text

MOST_TRIALS = 20
"""Trials that the table lists."""


@dataclass(frozen=True)
class Searched:
    """One search."""

    name: str
    model: str
    method: str
    trials: int
    table: Table
    figures: list[Figure]
    settings: str
    gain: str
    """How the tuned classifier compares with the model as the config has it; empty if that is unknown."""


def subsections(results: Results) -> list[Searched]:
    """Read the searches."""
    return [_search(name, folder, results) for name, folder in results.searches.items()]


def _search(name: str, folder: Path, results: Results) -> Searched:
    found: dict[str, Any] = files.read_json(folder / "search.json")
    asked = results.config["classify"]["search"][name]
    table = pd.read_csv(folder / "trials.csv")
    keys = [key for key in table.columns if key not in ("trial", "round", "epochs", "score", "loss")]
    rows = []
    for _, trial in table.head(MOST_TRIALS).iterrows():
        score = Number(reason="diverged") if pd.isna(trial["score"]) else Number(float(trial["score"]))
        cells = [cell(score, "decimal"), Cell(text.count(int(trial["epochs"])))]
        best = trial["trial"] == found["trial"]
        rows.append(Row(str(trial["trial"]), [*cells, *(Cell(_shown(trial[key])) for key in keys)], chosen=best))
    plot = figure(
        folder / "search.png",
        f"Validation score by searched key: {name}",
        "The best trial is circled; later rounds have other colors.",
    )
    gain = _gain(name, asked["model"], asked["policy"], results)
    return Searched(
        name=name,
        model=asked["model"],
        method=asked["method"],
        trials=len(table),
        table=Table("Trial", ["Validation score", "Epochs", *keys], rows),
        figures=plot,
        settings=text.settings({"classify": {"models": {name: found["model"]}}}),
        gain=text.points(gain) if gain else "",
    )


def _gain(name: str, model: str, policy: str, results: Results) -> Difference | None:
    """Compare the tuned classifier with the original one, seed by seed on the same test images."""
    known = {classifier.keys: classifier for classifier in results.classifiers}
    tuned, plain = known.get((policy, name)), known.get((policy, model))
    effect = accuracy_change(tuned, plain) if tuned and plain else None
    return effect.difference if effect else None


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
