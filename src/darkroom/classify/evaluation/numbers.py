"""Measure predictions of numbers, in the units of the table.

Test-time augmentation takes the mean over views, with the weights of least squared error if they are learned.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from darkroom.classify.evaluation import groups
from darkroom.classify.evaluation.number_figures import draw_predicted, draw_residuals
from darkroom.classify.evaluation.outputs import NO_VALIDATION, Evaluation, Outputs
from darkroom.classify.tta import merge_numbers
from darkroom.measure import conformal
from darkroom.measure.proportion import wilson

Floats = NDArray[np.float64]
PARTS = ("mae", "rmse", "r2")
CONSTANT = "all test images have the same number"


def scores(weights: Floats, predicted: Floats, truth: Floats) -> dict[str, Floats]:
    """Return `mae/m`, `rmse/m` and `r2/m` of each number m, and over all numbers the mean `r2` and `standardized_mae`.

    Takes weights (R, N), one row per resample, and predictions and truth (N, M). R² is relative to the mean of the resample,
    and `standardized_mae` in standard deviations of all items; they are NaN where all items have the same number.
    """
    total = weights.sum(1, keepdims=True)
    residuals = predicted - truth
    centered = truth - truth.mean(0)  # keeps the variance exact for numbers far from 0
    squares = weights @ np.square(residuals) / total
    variance = weights @ np.square(centered) / total - np.square(weights @ centered / total)
    mae = weights @ np.abs(residuals) / total
    r2 = 1 - np.divide(squares, variance, out=np.full_like(squares, np.nan), where=variance > 1e-12 * centered.var(0))
    spread = truth.std(0)
    standardized = np.divide(mae, spread, out=np.full_like(mae, np.nan), where=spread > 0)
    found = {"r2": r2.mean(1), "standardized_mae": standardized.mean(1)}
    for m in range(truth.shape[1]):
        found |= {f"mae/{m}": mae[:, m], f"rmse/{m}": np.sqrt(squares[:, m]), f"r2/{m}": r2[:, m]}
    return found


def evaluate(outputs: Outputs) -> Evaluation:
    """Measure errors, and the coverage of split-conformal intervals, of each number, with and without TTA."""
    truth, true = (outputs.store.targets[rows].astype(np.float64) for rows in (outputs.test, outputs.val))
    held_out = outputs.held_out.astype(np.float64)
    answers = {"plain": (held_out[:, 0], outputs.plain.astype(np.float64))}
    weights = None
    if outputs.looks is not None:
        weights = view_weights(held_out, true) if outputs.merge == "learned" else None
        fitted, measured = (merge_numbers(looks, weights) for looks in (held_out, outputs.looks))
        answers["tta"] = (fitted, measured)
    result = _measured(answers, truth, true, outputs)
    if outputs.looks is not None:
        result["tta"] = {"merge": outputs.merge, **_gain(answers, truth)}
        if weights is not None:
            result["tta"]["weights"] = dict(zip(outputs.names, weights.tolist(), strict=True))
            result["tta"] |= {} if len(true) else {"note": NO_VALIDATION}
    names, predicted = outputs.store.target.names, answers["plain"][1]

    def draw(folder: Path) -> None:
        widths = [result["conformal"]["plain"][name]["half_width"] for name in names]
        draw_predicted(predicted, truth, names, folder / "predicted.png", widths=widths)
        draw_residuals(predicted, truth, names, folder / "residuals.png")

    return Evaluation(result, _predictions(answers, truth, outputs), _flat(result), draw)


def view_weights(looks: Floats, truth: Floats) -> Floats:
    """Return weights (V,), nonnegative and summing to one, of least squared error of the weighted mean; equal without items.

    Takes predictions (N, V, M) and truth (N, M); each number counts in units of its standard deviation.
    """
    views = looks.shape[1]
    if not len(looks):
        return np.full(views, 1 / views)
    spread = truth.std(0)
    errors = ((looks - truth[:, None]) / np.where(spread > 0, spread, 1)).transpose(0, 2, 1).reshape(-1, views)
    # as the weights sum to one, the errors are mixed as the predictions are; the extra row holds the sum to one
    heavy = 1e3 * max(float(np.linalg.norm(errors)), 1e-6)
    found, _ = optimize.nnls(np.vstack([errors, np.full(views, heavy)]), np.append(np.zeros(len(errors)), heavy))
    weights: Floats = found / found.sum()
    return weights


def _measured(
    answers: dict[str, tuple[Floats, Floats]], truth: Floats, true: Floats, outputs: Outputs
) -> dict[str, Any]:
    """Return the contents of metrics.json."""
    names = outputs.store.target.names
    result: dict[str, Any] = {"items": len(truth), "views": {}, "per_number": {}, "conformal": {}}
    spread = dict(zip(names, truth.std(0).tolist(), strict=True))
    for view, (fitted, predicted) in answers.items():
        found = outputs.intervals(partial(scores, predicted=predicted, truth=truth), reason=CONSTANT)
        several = {part: found[part] for part in ("r2", "standardized_mae")}  # units may differ
        result["views"][view] = several if len(names) > 1 else {part: found[f"{part}/0"] for part in PARTS}
        result["per_number"][view] = {
            name: {**{part: found[f"{part}/{m}"] for part in PARTS}, "standard_deviation": spread[name]}
            for m, name in enumerate(names)
        }
        result["conformal"][view] = {
            name: conformal_interval(fitted[:, m] - true[:, m], predicted[:, m] - truth[:, m])
            for m, name in enumerate(names)
        }
    plain = answers["plain"][1]
    if found := groups.measured(outputs, lambda own: partial(_mae, predicted=plain[own], truth=truth[own])):
        result["by_group"] = found
    return result


def _mae(weights: Floats, predicted: Floats, truth: Floats) -> dict[str, Floats]:
    found = scores(weights, predicted, truth)
    return {name: values for name, values in found.items() if name.startswith("mae/")}


def conformal_interval(held_out: Floats, residuals: Floats) -> dict[str, Any]:
    """Return the half width of the interval around a prediction, set on validation residuals, and its coverage on the test.

    `expected` is the range that holds the coverage over all new images for 95 % of draws of the validation images.
    """
    about: dict[str, Any] = {"level": 1 - conformal.MISS, "validation_images": len(held_out)}
    if (missing := conformal.too_few(len(held_out))) is not None:
        return about | {"half_width": None, "coverage": missing}
    width = conformal.limit(np.abs(held_out))
    low, high = conformal.expected_coverage(len(held_out))
    covered = int((np.abs(residuals) <= width).sum())
    about |= {"half_width": width, "expected": {"low": low, "high": high}}
    return about | {"coverage": wilson(covered, len(residuals), reason="")}


def _gain(answers: dict[str, tuple[Floats, Floats]], truth: Floats) -> dict[str, int]:
    """Count the numbers that TTA brings closer to the truth, and those that it moves away."""
    plain, tta = (np.abs(answers[view][1] - truth) for view in ("plain", "tta"))
    return {"fixed": int((tta < plain).sum()), "broken": int((tta > plain).sum())}


def _predictions(answers: dict[str, tuple[Floats, Floats]], truth: Floats, outputs: Outputs) -> pd.DataFrame:
    """Tabulate one row per image: its numbers, and each view's predictions."""
    columns: dict[str, Any] = {"id": outputs.store.items["id"].to_numpy()[outputs.test]}
    columns |= {f"true_{m}": truth[:, m] for m in range(truth.shape[1])}
    for view, (_, predicted) in answers.items():
        columns |= {f"prediction_{view}_{m}": predicted[:, m] for m in range(truth.shape[1])}
    return pd.DataFrame(columns)


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """Name the numbers as metrics: `test/r2`, `test/tta/mae`, `test/per_number/price/rmse`."""
    flat: dict[str, float] = {}
    for view, values in result["views"].items():
        prefix = "test" if view == "plain" else f"test/{view}"
        flat |= {f"{prefix}/{name}": found["value"] for name, found in values.items()}
        for number, parts in result["per_number"][view].items():
            sets = result["conformal"][view][number]
            flat |= {f"{prefix}/per_number/{number}/{part}": parts[part]["value"] for part in PARTS}
            flat[f"{prefix}/per_number/{number}/conformal/half_width"] = sets["half_width"]
            flat[f"{prefix}/per_number/{number}/conformal/coverage"] = sets["coverage"]["value"]
    return {name: value for name, value in flat.items() if value is not None}
