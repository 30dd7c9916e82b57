"""Figures of a classifier: confusion matrix, reliability diagram, learning curves, and predictions that TTA changed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from darkroom.classify.calibration import reliability
from darkroom.figures import ACCENT, COLORS, FAINT, INK, figure, log_scale, save
from darkroom.measure.selective import risk_curve
from darkroom.sheets import enlarge

TURNED = 24
"""Maximum number of items in the figure of predictions that TTA changed; half fixed and half broken, if enough."""
HISTORY_SCORES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "map": "mAP",
    "mae": "mean absolute error",
    "standardized_mae": "MAE (standard deviations)",
}
"""Scores that a training history may have, by kind of target."""
SHARES = ("accuracy", "f1", "map")
"""Those between 0 and 1."""


def draw_confusion(counts: NDArray[np.int64], classes: tuple[str, ...], path: Path) -> None:
    """Draw a confusion matrix (K, K), shaded by the share of the true class, with counts for up to 25 classes."""
    k = len(classes)
    size = min(12.0, max(3.6, 1.8 + 0.36 * k))
    drawn, axes = figure(size + 0.6, size)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if k <= 25:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.55 else INK
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
    names = [short(name) for name in classes]
    step = max(1, k // 40)
    axes.set_xticks(range(0, k, step), names[::step], rotation=0 if max(map(len, names)) < 3 else 90)
    axes.set_yticks(range(0, k, step), names[::step])
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    save(drawn, path)


def draw_reliability(
    before: NDArray[np.float64], after: NDArray[np.float64], labels: NDArray[np.int64], temperature: float, path: Path
) -> None:
    """Draw the reliability diagram before and after temperature scaling, if any, with the number of items per bin."""
    drawn = Figure(figsize=(5, 5), layout="constrained")
    upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="perfect")
    scaled = (after, ACCENT, f"temperature {temperature:.2f}")
    shown = [(before, COLORS[1], "uncalibrated"), scaled] if temperature != 1 else [(after, ACCENT, "not scaled")]
    for probabilities, color, name in shown:
        confidence, right, counts = reliability(probabilities, labels)
        filled = counts > 0
        upper.plot(confidence[filled], right[filled], linewidth=1, color=color, label=name)
        upper.scatter(confidence[filled], right[filled], s=8 + 4 * np.sqrt(counts[filled]), color=color)
        lower.stairs(counts + 0.5, np.linspace(0, 1, len(counts) + 1), color=color, baseline=0.5, linewidth=1.5)
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1.02)
    upper.legend(frameon=False, loc="lower right")
    log_scale(lower)
    lower.set_ylabel("items")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    save(drawn, path)


def draw_risk(confidence: NDArray[np.float64], wrong: NDArray[np.bool_], path: Path) -> None:
    """Draw the risk-coverage curve between the best possible one, all errors last, and that of a random order."""
    drawn, axes = figure(5, 3.6)
    risk = wrong.mean()
    share = np.arange(1, len(wrong) + 1) / len(wrong)
    axes.axhline(risk, color=FAINT, linestyle="--", label="random order")
    axes.plot(share, np.maximum(0, 1 - (1 - risk) / share), color=COLORS[2], linewidth=1, label="errors last")
    axes.plot(*risk_curve(confidence, wrong), color=ACCENT, label="by confidence")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("images answered, the most confident first")
    axes.set_ylabel("errors among them")
    axes.legend(frameon=False, ncols=3, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    save(drawn, path)


def draw_curves(history: pd.DataFrame, path: Path) -> None:
    """Draw training and validation loss, and the validation scores of the target, per epoch."""
    drawn = Figure(figsize=(7, 3), layout="constrained")
    left, right = drawn.subplots(1, 2)
    epochs = history["epoch"] + 1
    left.plot(epochs, history["train_loss"], label="training")
    if "val_loss" in history:
        left.plot(epochs, history["val_loss"], label="validation")
        scores = [name for name in HISTORY_SCORES if f"val_{name}" in history]
        for score, color in zip(scores, COLORS[1:], strict=False):
            right.plot(epochs, history[f"val_{score}"], color=color, label=HISTORY_SCORES[score])
        if len(scores) > 1:
            right.legend(frameon=False)
        right.set_ylabel(f"validation {' and '.join(HISTORY_SCORES[score] for score in scores)}")
        if set(scores) <= set(SHARES):
            right.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        right.text(0.5, 0.5, "no validation images", ha="center", transform=right.transAxes)
    log_scale(left)
    left.set_ylabel("loss")
    left.legend(frameon=False)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    save(drawn, path)


def draw_turned(found: pd.DataFrame, images: NDArray[np.uint8], rows: NDArray[np.int64], path: Path) -> None:
    """Draw images that TTA fixed and broke, with the true class above and the predictions without and with TTA below.

    `found` is the non-empty result of `tta.turned`; the image of its row i is `images[rows[i]]`, (H, W, C).
    """
    kinds = {kind: found[found["turned"] == kind] for kind in ("fixed", "broken")}
    room = {"fixed": TURNED - min(TURNED // 2, len(kinds["broken"])), "broken": TURNED // 2}
    room["broken"] = max(room["broken"], TURNED - len(kinds["fixed"]))
    shown = {kind: items[: room[kind]] for kind, items in kinds.items() if len(items)}
    columns = min(8, max(4, *(len(items) for items in shown.values())))
    lines = [math.ceil(len(items) / columns) for items in shown.values()]
    drawn = Figure(figsize=(1.35 * columns, 0.4 * len(lines) + 1.85 * sum(lines)), layout="constrained")
    parts = drawn.subfigures(len(lines), 1, height_ratios=lines, squeeze=False)[:, 0]
    for part, (kind, items), count, color in zip(parts, shown.items(), lines, (ACCENT, COLORS[1]), strict=False):
        some = f", {len(items)} of them shown" if len(items) < len(kinds[kind]) else ""
        part.suptitle(f"{len(kinds[kind])} {kind}{some}", x=0.01, ha="left", color=color, fontweight="bold")
        places = part.subplots(count, columns, squeeze=False).ravel()
        pictures = images[rows[items.index.to_numpy()]]
        for place, picture, item in zip(places, pictures, items.to_dict("records"), strict=False):
            place.imshow(enlarge(picture, 112), interpolation="none")
            before, after = short(item["plain"]), short(item["tta"])
            place.set_title(short(item["label"]), fontsize=9)
            place.set_xlabel(f"{before} →{' ' if len(before + after) < 12 else chr(10)}{after}", fontsize=8)
        for place in places:
            place.set_xticks([])
            place.set_yticks([])
            place.spines[:].set_visible(False)
    save(drawn, path)


def short(name: str) -> str:
    """Shorten a name to fit a tick."""
    name = " ".join(name.split())
    return name if len(name) <= 16 else name[:15] + "…"
