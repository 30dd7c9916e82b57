"""The metrics of a comparison, each with its difference between two models on the same test images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, paired, paired_auroc
from darkroom.measure.ranking import auroc
from darkroom.report.results import Run, class_shares, correct
from darkroom.report.sections.classify.labels import image_f1
from darkroom.serve.compare.pairs import Pair, tested

Floats = NDArray[np.float64]
FLOOR = 1e-12
"""Lower bound on the probability of the true class, which keeps its logarithm finite."""


@dataclass(frozen=True)
class Metric:
    """A metric: the mean of `values`, one for each test image (N,), ordered by id; NaN for images that do not count."""

    values: Callable[[Run], Floats]
    lower: bool = False
    """Whether lower is better."""
    share: bool = False
    """Whether it is a share of images, shown in percent."""

    def of(self, run: Run) -> float:
        """Return the metric of a run."""
        return float(np.nanmean(self.values(run)))

    def gains(self, better: Run, base: Run) -> Floats:
        """Return how much better the first run is than the second on each test image."""
        difference = self.values(better) - self.values(base)
        return -difference if self.lower else difference

    def gain(self, pairs: Sequence[tuple[Run, Run]]) -> Difference:
        """Return how much better the second runs are than the first, averaged over seeds, with its 95 % interval."""
        each = [self.gains(b, a) for a, b in pairs]
        return paired([gains[np.isfinite(gains)] for gains in each], shares=self.share)


class Auroc(Metric):
    """The AUROC of anomaly scores, `values`, which is no mean over images."""

    def of(self, run: Run) -> float:
        return float(auroc(_anomalous(run), self.values(run)).item())

    def gain(self, pairs: Sequence[tuple[Run, Run]]) -> Difference:
        first, second = ([self.values(each[k]) for each in pairs] for k in (0, 1))
        return paired_auroc(second, first, _anomalous(pairs[0][0]))


def metrics_of(pair: Pair) -> Mapping[str, Metric]:
    """Return the metrics of what a pair of models predicts, the main one first."""
    if pair.kind == "anomalies":
        return {
            "auroc": Auroc(lambda run: tested(run)["score"].to_numpy(np.float64)),
            "detection_rate": Metric(_flagged(anomalous=True), share=True),
            "false_alarm_rate": Metric(_flagged(anomalous=False), lower=True, share=True),
        }
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


def of_images(pair: Pair) -> Metric:
    """Return the metric by which images are fixed or broken: the main one, or for anomalies whether the flag is right."""
    return Metric(_flagged_right, share=True) if pair.kind == "anomalies" else next(iter(metrics_of(pair).values()))


def _right(run: Run) -> Floats:
    found = correct(run)
    assert found is not None, "pairs were checked"
    return found


def _probabilities(run: Run) -> tuple[Floats, NDArray[np.int64]]:
    table = tested(run)
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
    table = tested(run)
    truth, called = (table.filter(regex=f"^{part}_").to_numpy(bool) for part in ("true", "prediction_plain"))
    found: Floats = (truth == called).all(1).astype(np.float64)
    return found


def _labels_brier(run: Run) -> Floats:
    table = tested(run)
    truth, probabilities = (table.filter(regex=f"^{part}_").to_numpy(np.float64) for part in ("true", "p_plain"))
    found: Floats = np.square(probabilities - truth).sum(1)
    return found


def _errors(run: Run) -> tuple[Floats, Floats]:
    """Return the absolute errors (N, M) and the true numbers (N, M)."""
    table = tested(run)
    truth, predicted = (table.filter(regex=f"^{part}_").to_numpy(np.float64) for part in ("true", "prediction_plain"))
    return np.abs(predicted - truth), truth


def _absolute_error(number: int) -> Callable[[Run], Floats]:
    return lambda run: _errors(run)[0][:, number]


def _standardized_error(run: Run) -> Floats:
    errors, truth = _errors(run)
    spread = truth.std(0)
    found: Floats = (errors / np.where(spread > 0, spread, 1)).mean(1)
    return found


def _anomalous(run: Run) -> NDArray[np.bool_]:
    return tested(run)["anomalous"].to_numpy(bool)


def _flagged(*, anomalous: bool) -> Callable[[Run], Floats]:
    """Return whether each of the anomalous or of the normal images is flagged; NaN for the others."""

    def values(run: Run) -> Floats:
        return np.where(_anomalous(run) == anomalous, tested(run)["flagged"].to_numpy(np.float64), np.nan)

    return values


def _flagged_right(run: Run) -> Floats:
    found: Floats = (tested(run)["flagged"].to_numpy(bool) == _anomalous(run)).astype(np.float64)
    return found
