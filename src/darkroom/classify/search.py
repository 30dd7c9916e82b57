"""The job `classify search`: pick the best trial of a search by its validation score.

search.json   values, score, loss and folder of the best trial, and the model's settings with these values
trials.csv    one row per trial, the best first: round, epochs, score, loss, and the value of each searched key
search.png    the score by the value of each key
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from darkroom import files
from darkroom.classify.tuning.propose import RESULT, ranked, read
from darkroom.classify.tuning.search_config import SearchSpec
from darkroom.classify.tuning.space import FOUND, Range, nested
from darkroom.figures import ACCENT, COLORS, FAINT, log_scale, save
from darkroom.log import Log

COLUMNS = 3
"""Plots side by side."""


def run(spec: SearchSpec, *, trials: Path, out: Path, log: Log) -> None:
    """Read the trials below `trials`. Raises ValueError if the training of every candidate diverged."""
    last = spec.rounds[-1] if spec.method == "halving" else [trial for some in spec.rounds for trial in some]
    best = ranked(read(trials, last))[0]
    if best.score is None:
        raise ValueError("every candidate diverged; lower the learning rates in the search's space")
    table = _table(spec, trials)
    with files.folder(out) as fresh:
        about: dict[str, Any] = {"values": best.values, "score": best.score, "loss": best.loss, "trial": best.folder}
        about["model"] = nested(spec.model, best.values)
        files.write_json(fresh / FOUND, about)
        table.to_csv(fresh / "trials.csv", index=False)
        draw(spec, table, best.folder, fresh / "search.png")
    log({"search/score": best.score})


def _table(spec: SearchSpec, root: Path) -> pd.DataFrame:
    lines = []
    for number, folders in enumerate(spec.rounds):
        for trial in read(root, folders):
            epochs = files.read_json(root / trial.folder / RESULT)["epochs"]
            known = {"trial": trial.folder, "round": number, "epochs": epochs, "score": trial.score, "loss": trial.loss}
            lines.append(({"round": -number, "rank": trial.rank}, {**known, **trial.values}))
    final = spec.method == "halving"
    lines.sort(key=lambda line: (line[0]["round"] if final else 0, line[0]["rank"]))
    return pd.DataFrame([line for _, line in lines])


def draw(spec: SearchSpec, table: pd.DataFrame, best: str, path: Path) -> None:
    """Draw the score of each trial by the value of each key; later rounds in other colors."""
    keys = list(spec.space)
    columns, rows = min(COLUMNS, len(keys)), -(-len(keys) // COLUMNS)
    drawn = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False)
    known = table[table["score"].notna()]
    for axes, key in zip(grid.flat, keys, strict=False):
        choices = spec.space[key]
        if isinstance(choices, Range):
            across = known[key].to_numpy(dtype=np.float64)
        else:
            names = [_short(value) for value in choices]
            across = np.array([names.index(_short(value)) for value in known[key]], np.float64)
            axes.set_xticks(range(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
        colors = [COLORS[number % len(COLORS)] for number in known["round"]]
        axes.scatter(across, known["score"], s=18, color=colors)
        chosen = (known["trial"] == best).to_numpy()
        axes.scatter(across[chosen], known["score"][chosen], s=90, facecolors="none", edgecolors=ACCENT)
        if isinstance(choices, Range) and choices.log:
            log_scale(axes, across=True)
        axes.grid(axis="y", color=FAINT, linewidth=0.5)
        axes.set_xlabel(key)
        axes.set_ylabel("validation score")
    for axes in list(grid.flat)[len(keys) :]:
        axes.axis("off")
    save(drawn, path)


def _short(value: object) -> str:
    """Name a value on an axis: a plug-in by its name."""
    named = value.get("name", value) if isinstance(value, dict) else value
    return str(named)[:24]
