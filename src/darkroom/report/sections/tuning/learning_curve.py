"""Learning curves: scores by the number of training images, and whether more would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from darkroom import files
from darkroom.measure.intervals import Difference, number, over_seeds, paired
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.table import Row, Table, cell, change
from darkroom.report.results import UNIT, Results
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

SCORES = {"accuracy": "Test accuracy", "map": "Test mean average precision", "r2": "Test R²"}


@dataclass(frozen=True)
class Learning:
    """The subsection's content."""

    curves: Curves
    table: Table
    verdicts: list[Markup]
    forecasts: bool
    left_out: dict[str, str]


def subsection(results: Results) -> Learning | None:
    """Read the learning curves; None if there are none."""
    folder = results.learning_curve
    if folder is None:
        return None
    found: dict[str, Any] = files.read_json(folder / "learning_curve.json")
    right = _right(folder)
    lines, rows, verdicts, main = {}, [], [], found["main"]
    style = "decimal" if main == "r2" else "percent"
    for one in found["curves"]:
        name = f"{one['model']} + {one['policy']}"
        points = [over_seeds([number(value) for value in size], UNIT) for size in one["scores"]]
        lines[name] = dict(zip(map(float, one["sizes"]), points, strict=True))
        last = _last_step(right, one)
        rows.append(Row(name, [*(cell(point, style) for point in points), change(last, missing="not compared")]))
        verdicts.append(_verdict(name, one, last))
    sizes = list(dict.fromkeys(size for one in found["curves"] for size in one["sizes"]))
    columns = [text.plural(size, "image") for size in sizes] + ["Last step, points"]
    return Learning(
        curves(
            SCORES[main],
            worded("training images"),
            lines,
            {float(size): text.count(size) for size in sizes},
            log_x=True,
        ),
        Table("Classifier", columns, rows),
        verdicts,
        any(one["forecasts"] for one in found["curves"]),
        found["left_out"],
    )


def findings(content: Learning | None) -> Iterator[Finding]:
    """Say whether more images would help."""
    for words in content.verdicts if content else ():
        yield Finding("More images", "learning curve", "note", words)


def _right(folder: Path) -> pd.DataFrame | None:
    path = folder / "predictions.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def _last_step(right: pd.DataFrame | None, one: dict[str, Any]) -> Difference | None:
    """Compare all images with the largest share, seed by seed on the same test images; None if that is unknown."""
    if right is None:
        return None
    own = right[(right["policy"] == one["policy"]) & (right["model"] == one["model"])]
    wide = own.pivot(index="id", columns=["images", "seed"], values="right").astype(np.float64)
    before, after = one["sizes"][-2:]
    return paired([(wide[after, seed] - wide[before, seed]).to_numpy() for seed in own["seed"].unique()])


def _verdict(name: str, one: dict[str, Any], last: Difference | None) -> Markup:
    """Say what the last step brought, and what more images would."""
    words = say("<b>{}</b>", name)
    if last is not None:
        clear = "brought" if last.clear else "brought no clear gain:"
        words += say(
            ": going from {} to {} training images {} {}",
            text.count(one["sizes"][-2]),
            text.count(one["sizes"][-1]),
            clear,
            text.points(last),
        )
    if one["forecasts"]:
        gain = one["forecasts"][-1]
        points = text.points(Difference(gain["value"], gain["low"], gain["high"]))
        return words + say("; {} more would bring {}.", text.count(gain["more"]), points)
    return words + say(". There is no forecast: {}.", one["reason"])
