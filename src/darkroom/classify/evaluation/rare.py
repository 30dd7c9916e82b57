"""Measures that a rare class decides: how well it is ranked, and what mistakes cost.

`costs` in metrics.json compares three decisions: the most probable class; the one with the lowest expected cost by the
calibrated probabilities (Elkan 2001); and, for two classes, the threshold that cost least on the validation images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.classify.evaluation.outputs import Outputs
from darkroom.measure import costs as decisions
from darkroom.measure.ranking import curve, mean_precision, recall_at
from darkroom.settings import choice, quoted

PRECISION = 0.9
"""The precision at which recall is measured."""
RANKED = ("average_precision", "recall_at_precision")
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def ranking(weights: Floats, probabilities: Floats, labels: Labels) -> dict[str, Floats]:
    """Return `average_precision/k`, and `recall_at_precision/k` at `PRECISION`, of each class k against the others, (R,)."""
    found = {}
    for k in range(probabilities.shape[1]):
        one = curve(labels == k, probabilities[:, k], weights)
        found[f"average_precision/{k}"] = mean_precision(one)
        found[f"recall_at_precision/{k}"] = recall_at(one, PRECISION)
    return found


def matrix(costs: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> Floats:
    """Return the costs (K, K) of true and predicted classes: as given, else 1 for a mistake and 0 for a right answer.

    Raises ValueError with the config key for an unknown class.
    """
    found = 1 - np.eye(len(classes))
    for true, by_predicted in costs.items():
        for predicted, cost in by_predicted.items():
            for name in (true, predicted):
                if name not in classes:
                    raise ValueError(f"classify.costs: no class {quoted(name)}.{choice(name, list(classes))}")
            found[classes.index(true), classes.index(predicted)] = cost
    return found


def priced(outputs: Outputs, costs: Floats, raw: Floats, calibrated: Floats, held_out: Floats) -> dict[str, Any]:
    """Return what each way to decide costs per test image, with intervals; probabilities are (N, K)."""
    labels, true = outputs.store.labels[outputs.test], outputs.store.labels[outputs.val]
    decided = {"most_probable": raw.argmax(1), "cheapest": decisions.cheapest(calibrated, costs)}
    result: dict[str, Any] = {"matrix": costs.tolist()}
    if len(costs) == 2:
        try:
            result["threshold"] = {"expected": decisions.threshold(costs)}
        except ValueError as error:
            raise ValueError(f"classify.costs: {error}") from None
        if len(np.unique(true)) == 2:
            cut = decisions.best_threshold(true, held_out[:, 1], costs)
            result["threshold"]["validation"] = float(np.clip(cut, 0, 1))
            decided["validated"] = (calibrated[:, 1] >= cut).astype(np.int64)

    def spent(weights: Floats) -> dict[str, Floats]:
        return {name: decisions.mean_cost(labels, predicted, costs, weights) for name, predicted in decided.items()}

    return result | outputs.intervals(spent)
