"""Scores of a network's outputs without intervals, for every kind of target; the first one is what models are compared by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.classify import metrics
from darkroom.classify.evaluation import label_metrics, numbers
from darkroom.classify.links import class_logits
from darkroom.data.target import Target

LOSS = {"class": "nll", "labels": "nll", "numbers": "standardized_mae"}
"""The score that decides between equal ones; lower is better."""
MAIN = {"class": "accuracy", "labels": "map", "numbers": "r2"}
"""The score by which models are compared; higher is better."""


def scores(target: Target, outputs: NDArray[np.floating], truth: NDArray[np.generic], link: str) -> dict[str, float]:
    """Return the scores of outputs (N, K) against a store's targets (N,) or (N, K); scores that are undefined are left out."""
    whole = np.ones((1, len(outputs)))
    if target.kind == "class":
        probabilities = special.softmax(class_logits(outputs, link), axis=1)
        found = metrics.scores(whole, probabilities, truth.astype(np.int64))
        names = {name: name for name in ("accuracy", "balanced_accuracy", "macro_f1", "nll")}
    elif target.kind == "labels":
        probabilities, present = special.expit(outputs.astype(np.float64)), truth.astype(np.float64) > 0.5
        found = label_metrics.ranking(whole, probabilities, present)
        found |= label_metrics.decisions(whole, probabilities >= 0.5, present)
        found |= label_metrics.likelihood(whole, probabilities, present)
        names = {name: name for name in ("map", "macro_f1", "micro_f1", "nll")}
    else:
        found = numbers.scores(whole, outputs.astype(np.float64), truth.astype(np.float64))
        names = {"r2": "r2", "standardized_mae": "standardized_mae"} | {
            f"mae/{m}": f"mae/{name}" for m, name in enumerate(target.names)
        }
    known = {name: float(found[key][0]) for key, name in names.items()}
    return {name: value for name, value in known.items() if not np.isnan(value)}
