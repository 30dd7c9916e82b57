"""Figures of a model's numbers: training curves of any family, and quality by sampling steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from darkroom.figures import COLORS, FAINT, INK, log_scale, save

NATS = {"elbo": "ELBO", "kl": "KL", "reconstruction": "reconstruction"}
"""Columns in nats per image, with their titles."""
COLUMNS = 4


@dataclass(frozen=True)
class Curve:
    """One line of points by training step."""

    label: str
    steps: NDArray[Any]
    values: NDArray[Any]
    color: str
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves that share axes."""

    title: str
    curves: list[Curve]
    logarithmic: bool = False


def draw_curves(history: pd.DataFrame, steps: pd.DataFrame, path: Path) -> None:
    """Plot training curves, one panel per kind: losses, parts of the bound, accuracies, gradient norms, and the rest.

    `history` has one row per epoch with columns `train_NAME` and `val_NAME`, `steps` one row every few steps with columns
    NAME.
    """
    panels = list(_panels(history, steps))
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    drawn = Figure(figsize=(3.1 * columns, 2.7 * rows), layout="constrained")
    places = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(places, panels, strict=False):
        for curve in panel.curves:
            style = "o" if len(curve.values) == 1 else "--" if curve.dashed else "-"
            axes.plot(curve.steps, curve.values, style, label=curve.label, color=curve.color, linewidth=1.2)
        if panel.logarithmic and all((curve.values > 0).all() for curve in panel.curves):
            log_scale(axes)
        else:
            _settle(axes, panel.curves)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel("step")
        if len(panel.curves) > 1:
            axes.legend(frameon=False, fontsize=8)
    for axes in places[len(panels) :]:
        axes.remove()
    save(drawn, path)


def _panels(history: pd.DataFrame, steps: pd.DataFrame) -> Iterator[Panel]:
    known = [str(name) for name in [*history.columns, *steps.columns]]
    names = list(dict.fromkeys(name.removeprefix("train_").removeprefix("val_") for name in known))
    losses = sorted(name for name in names if name.startswith("loss_")) or [name for name in names if name == "loss"]
    yield Panel("loss", _by_epoch(history, losses, steps))
    for name, shown in NATS.items():
        if name in names:
            yield Panel(f"{shown} (nats per image)", _by_epoch(history, [name]))
    right = [name for name in names if name.startswith("accuracy")]
    if right:
        yield Panel("discriminator accuracy", _by_step(steps, right) or _by_epoch(history, right))
    norms = sorted(name for name in steps.columns if name.startswith("gradient_norm"))
    if norms:
        yield Panel("gradient norm", _by_step(steps, norms), logarithmic=True)
    known_names = {"epoch", "step", "learning_rate", "loss", *losses, *NATS, *right, *norms}
    for name in names:
        if name not in known_names and f"train_{name}" in history:
            yield Panel(name.replace("_", " "), _by_epoch(history, [name]))


def _by_epoch(history: pd.DataFrame, names: list[str], steps: pd.DataFrame | None = None) -> list[Curve]:
    """Return the training and validation curves of each name, training by step if `steps` has it.

    Each of several names has a color; a single one has a color per split.
    """
    found = []
    for index, name in enumerate(names):
        for part, (prefix, split) in enumerate((("train", "training"), ("val", "validation"))):
            if f"{prefix}_{name}" not in history:
                continue
            label = split if len(names) == 1 else " ".join([_short(name), *(["(validation)"] if part else [])])
            color = COLORS[(part if len(names) == 1 else index) % len(COLORS)]
            table, column = (history, f"{prefix}_{name}")
            if steps is not None and prefix == "train" and name in steps:
                table, column = steps, name
            kept = table[["step", column]].dropna()
            dashed = part == 1 and len(names) > 1
            found.append(Curve(label, kept["step"].to_numpy(), kept[column].to_numpy(), color, dashed))
    return found


def _by_step(steps: pd.DataFrame, names: list[str]) -> list[Curve]:
    """Return each name's scalars by step, without the steps at which it was not measured."""
    found = []
    for index, name in enumerate(names):
        if name in steps:
            kept = steps[["step", name]].dropna()
            found.append(
                Curve(_short(name), kept["step"].to_numpy(), kept[name].to_numpy(), COLORS[index % len(COLORS)])
            )
    return found


def _short(name: str) -> str:
    """Strip the kind, which is in the panel's title: `loss_generator` becomes `generator`."""
    for kind in ("loss", "accuracy", "gradient_norm"):
        name = name.removeprefix(kind)
    return name.strip("_").replace("_", " ")


def _settle(axes: Axes, curves: list[Curve]) -> None:
    """Set y limits that ignore the first tenth of the run, whose outliers would flatten the rest."""
    settled = np.concatenate([curve.values[len(curve.values) // 10 :] for curve in curves])
    settled = settled[np.isfinite(settled)]
    if len(settled):
        low, high = settled.min(), settled.max()
        axes.set_ylim(low - 0.08 * (high - low) - 1e-9, high + 0.08 * (high - low) + 1e-9)


def draw_steps(entries: list[dict[str, Any]], floor: dict[str, Any], path: Path) -> None:
    """Plot KID, coverage and accuracy by number of sampling steps, in the judge's features, with the floor of real images."""
    steps = [entry["steps"] for entry in entries]
    drawn = Figure(figsize=(9.3, 2.9), layout="constrained")
    panels = {"kid": "KID (judge features)", "coverage": "coverage (judge features)", "accuracy": "accuracy (judge)"}
    for axes, (name, title) in zip(drawn.subplots(1, len(panels)), panels.items(), strict=True):
        found = [_value(entry[name]) for entry in entries]
        axes.plot(steps, found, "o-", color=COLORS[0], label="samples")
        if name == "kid":
            spread = np.array([_value(entry["kid_sd"]) for entry in entries])
            axes.fill_between(steps, found - spread, found + spread, color=COLORS[0], alpha=0.15, linewidth=0)
        if name in floor and not np.isnan(_value(floor[name])):
            axes.axhline(_value(floor[name]), color=INK, linestyle="--", linewidth=1, label="real images")
        if name == "kid":
            axes.axhline(0, color=FAINT, linewidth=1, zorder=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(steps))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
        axes.set_xlabel("sampling steps")
        axes.set_title(title, fontsize=10)
    drawn.axes[0].legend(frameon=False, fontsize=8)
    save(drawn, path)


def _value(number: Any) -> float:
    found = number["value"] if isinstance(number, dict) else number
    return float("nan") if found is None else float(found)
