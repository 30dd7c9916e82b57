"""Train on synthetic, test on real (Esteban et al. 2017): the same estimator trained on samples and on real rows, compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.evaluation.rare import ranking
from darkroom.classify.metrics import mean_of_known, scores
from darkroom.measure.bootstrap import intervals

Floats = NDArray[np.float64]
RESAMPLES = 1000
MEASURES = ("accuracy", "balanced_accuracy", "macro_auroc", "average_precision")
PARTS = ("real", "synthetic", "difference", "ratio")


def compared(
    real: NDArray[np.float32],
    synthetic: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Return each of `PARTS` of each of `MEASURES` with its interval, from two estimators' probabilities (N, K) of test rows."""

    def statistic(weights: Floats) -> dict[str, Floats]:
        given, made = (measured(weights, shares.astype(np.float64), labels) for shares in (real, synthetic))
        found = {}
        for name in MEASURES:
            found[f"real/{name}"], found[f"synthetic/{name}"] = given[name], made[name]
            found[f"difference/{name}"] = made[name] - given[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                found[f"ratio/{name}"] = np.where(given[name] > 0, made[name] / given[name], np.nan)
        return found

    found = intervals(statistic, len(labels), resamples=RESAMPLES, generator=generator)
    return {part: {name: found[f"{part}/{name}"] for name in MEASURES} for part in PARTS}


def measured(weights: Floats, probabilities: Floats, labels: NDArray[np.int64]) -> dict[str, Floats]:
    """Return each of `MEASURES` (R,) for weights (R, N); means over classes skip those without items."""
    found = scores(weights, probabilities, labels)
    ranked = ranking(weights, probabilities, labels)
    kinds = [ranked[f"average_precision/{k}"] for k in range(probabilities.shape[1])]
    return {name: found[name] for name in MEASURES[:3]} | {"average_precision": mean_of_known(kinds)}
