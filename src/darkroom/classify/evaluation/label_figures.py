"""Figures of predictions of several labels: each label's F1 and average precision, and precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from darkroom.classify.figures import short
from darkroom.figures import COLORS, INK, figure, save
from darkroom.measure.ranking import average_precision, curve

MOST_ROWS = 40
"""Labels in the figure of labels: if there are more, those with the lowest F1."""


def draw_labels(per_label: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw F1 and average precision of each label with their intervals, the lowest F1 at the bottom."""
    known = [(name, parts) for name, parts in per_label.items() if parts["f1"]["value"] is not None]
    known = sorted(known, key=lambda item: float(item[1]["f1"]["value"]))[:MOST_ROWS]
    drawn, axes = figure(6, 1.1 + 0.3 * len(known))
    shown = (("f1", "F1", COLORS[0], 0.13), ("average_precision", "average precision", COLORS[1], -0.13))
    for part, title, color, shift in shown:
        places = np.arange(len(known)) + shift
        found = [parts[part] for _, parts in known]
        axes.scatter([_value(one, "value") for one in found], places, s=22, color=color, label=title)
        axes.hlines(places, [_value(one, "low") for one in found], [_value(one, "high") for one in found], color=color)
    axes.set_yticks(range(len(known)), [short(name) for name, _ in known])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    save(drawn, path)


def draw_precision_recall(
    truth: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    called: NDArray[np.bool_],
    names: Sequence[str],
    path: Path,
) -> None:
    """Draw the precision-recall curves of the labels (N, K) with the lowest average precision, a dot at each threshold."""
    drawn, axes = figure(5.4, 4)
    mixed = [k for k in range(len(names)) if truth[:, k].min() < truth[:, k].max()]
    scores = {k: float(average_precision(truth[:, k], probabilities[:, k])[0]) for k in mixed}
    for k, color in zip(sorted(mixed, key=scores.__getitem__), COLORS, strict=False):
        found = curve(truth[:, k], probabilities[:, k])
        true, all_called = found.true[0], (found.true + found.false)[0]
        axes.plot(true / true[-1], true / all_called, color=color, label=f"{short(names[k])} ({scores[k]:.3f})")
        if called[:, k].any():
            hits = (called[:, k] & truth[:, k]).sum()
            axes.scatter(hits / true[-1], hits / called[:, k].sum(), s=30, color=color, edgecolor=INK, zorder=3)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.03)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    if mixed:
        axes.legend(frameon=False, fontsize=8, loc="lower left", title="average precision", title_fontsize=8)
    save(drawn, path)


def _value(interval: Mapping[str, Any], key: str) -> float:
    """Return a part of an interval, NaN if it is unknown."""
    value = interval.get(key, interval.get("value"))
    return float("nan") if value is None else float(value)
