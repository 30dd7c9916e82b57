"""The metrics of a comparison. Each is a mean over test images, so that images can be paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.report.results import Run, class_shares, correct
from darkroom.report.sections.classify.labels import image_f1
from darkroom.serve.compare.pairs import PREDICTIONS, Pair

Floats = NDArray[np.float64]
FLOOR = 1e-12
"""Lower bound on the probability of the true class, which keeps its logarithm finite."""


@dataclass(frozen=True)
class Metric:
    """A metric: the mean of `values`, one for each test image (N,), ordered by id."""

    values: Callable[[Run], Floats]
    lower: bool = False
    """Whether lower is better."""
    share: bool = False
    """Whether it is a share of images, shown in percent."""

    def gains(self, better: Run, base: Run) -> Floats:
        """Return how much better the first run is than the second on each test image."""
        difference = self.values(better) - self.values(base)
        return -difference if self.lower else difference


def metrics_of(pair: Pair) -> Mapping[str, Metric]:
    """Return the metrics of what a pair of classifiers predicts, the main one first."""
    if pair.kind == "labels":
        return {
            "image_f1": Metric(_image_f1, share=True),
            "exact_match": Metric(_exact, share=True),
            "brier": Metric(_labels_brier, lower=True),
        }
    if pair.kind == "numbers":
        own = {f"mae/{name}": Metric(_absolute_error(m), lower=True) for m, name in enumerate(pair.names)}
        return own if len(own) == 1 else {"standardized_mae": Metric(_standardized_error, lower=True), **own}
    return {
        "accuracy": Metric(_right, share=True),
        "balanced_accuracy": Metric(lambda run: _right(run) * class_shares(run), share=True),
        "nll": Metric(_nll, lower=True),
        "brier": Metric(_brier, lower=True),
    }


def _table(run: Run) -> pd.DataFrame:
    table = run.table(PREDICTIONS)
    assert table is not None, "pairs were checked"
    return table


def _right(run: Run) -> Floats:
    found = correct(run)
    assert found is not None, "pairs were checked"
    return found


def _probabilities(run: Run) -> tuple[Floats, NDArray[np.int64]]:
    table = _table(run)
    return table.filter(regex="^p_plain_").to_numpy(np.float64), table["label"].to_numpy(np.int64)


def _nll(run: Run) -> Floats:
    probabilities, labels = _probabilities(run)
    found: Floats = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], FLOOR))
    return found


def _brier(run: Run) -> Floats:
    probabilities, labels = _probabilities(run)
    found: Floats = np.square(probabilities - np.eye(probabilities.shape[1])[labels]).sum(1)
    return found


def _image_f1(run: Run) -> Floats:
    found = image_f1(run)
    assert found is not None, "pairs were checked"
    return found


def _exact(run: Run) -> Floats:
    table = _table(run)
    truth, called = (table.filter(regex=f"^{part}_").to_numpy(bool) for part in ("true", "prediction_plain"))
    found: Floats = (truth == called).all(1).astype(np.float64)
    return found


def _labels_brier(run: Run) -> Floats:
    table = _table(run)
    truth, probabilities = (table.filter(regex=f"^{part}_").to_numpy(np.float64) for part in ("true", "p_plain"))
    found: Floats = np.square(probabilities - truth).sum(1)
    return found


def _errors(run: Run) -> tuple[Floats, Floats]:
    """Return the absolute errors (N, M) and the true numbers (N, M)."""
    table = _table(run)
    truth, predicted = (table.filter(regex=f"^{part}_").to_numpy(np.float64) for part in ("true", "prediction_plain"))
    return np.abs(predicted - truth), truth


def _absolute_error(number: int) -> Callable[[Run], Floats]:
    return lambda run: _errors(run)[0][:, number]


def _standardized_error(run: Run) -> Floats:
    errors, truth = _errors(run)
    spread = truth.std(0)
    found: Floats = (errors / np.where(spread > 0, spread, 1)).mean(1)
    return found
