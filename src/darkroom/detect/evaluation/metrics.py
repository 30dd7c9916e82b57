"""Metrics of a detector on test images, each with a bootstrap or score interval; anomalies are the positive class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.detect.evaluation.pixels import PixelCounts
from darkroom.detect.evaluation.reconstruction import squared_errors
from darkroom.measure import ranking
from darkroom.measure.bootstrap import Floats, Interval, intervals, mean_intervals
from darkroom.measure.proportion import perfect_auroc, wilson
from darkroom.randomness import derive

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]
TWINS = "twin_in_train"
"""Column of a store's table: whether a training image shows the same object, by `data prepare`."""


class Metrics:
    """Metrics with intervals, each from its own stream of bootstrap resamples.

    `recall` is the share of anomalies at which `fpr_at_recall` counts false alarms.
    """

    def __init__(self, *, resamples: int, recall: float, seed: int) -> None:
        self.resamples, self.recall, self.seed = resamples, recall, seed

    def _generator(self, *keys: str) -> np.random.Generator:
        return np.random.default_rng(derive(self.seed, "bootstrap", *keys))

    def image(self, anomalous: Flags, scores: Scores, flagged: Flags, *keys: str) -> dict[str, Interval]:
        """Return the metrics of the ranking and those at the threshold; `keys` name the stream of resamples."""

        def statistic(weights: Floats) -> dict[str, Floats]:
            found = ranking.curve(anomalous, scores, weights)
            return {
                "auroc": ranking.area(found),
                "average_precision": ranking.mean_precision(found),
                "fpr95": ranking.false_at(found, 0.95),
                "fpr_at_recall": ranking.false_at(found, self.recall),
                "f1": ranking.f1_of(anomalous, flagged, weights),
            }

        reason = f"the test split has no {'normal' if anomalous.all() else 'anomalous'} image"
        ranked = intervals(
            statistic, len(scores), resamples=self.resamples, generator=self._generator(*keys), reason=reason
        )
        positive, negative = int(anomalous.sum()), int((~anomalous).sum())
        if ranked["auroc"]["value"] in (0, 1):
            ranked["auroc"] = perfect_auroc(ranked["auroc"]["value"], positive, negative)
        for name in ("fpr95", "fpr_at_recall"):
            if ranked[name]["value"] in (0, 1):
                ranked[name] = wilson(round(ranked[name]["value"] * negative), negative, reason=reason)
        rates = {"detection_rate": flagged[anomalous], "false_alarm_rate": flagged[~anomalous]}
        return ranked | {name: wilson(int(of.sum()), len(of), reason=reason) for name, of in rates.items()}

    def by_class(
        self, store: Store, rows: Rows, anomalous: Flags, scores: Scores, flagged: Flags
    ) -> dict[str, dict[str, Any]]:
        """Return the metrics of each anomalous class against all normal images."""
        found = {}
        for label in np.unique(store.labels[rows[anomalous]]):
            name, of_class = store.classes[label], store.labels[rows] == label
            kept = of_class | ~anomalous
            numbers = self.image(of_class[kept], scores[kept], flagged[kept], "class", name)
            del numbers["false_alarm_rate"]  # the same for every class
            found[name] = {"items": int(of_class.sum()), "flagged": int((flagged & of_class).sum()), **numbers}
        return found

    def without_twins(self, store: Store, rows: Rows, anomalous: Flags, scores: Scores) -> dict[str, Any] | None:
        """Return the AUROC without test images that have a near-duplicate in training; None if there are none.

        `items` counts the images that are left out.
        """
        if TWINS not in store.items or not (twins := store.items[TWINS].to_numpy(bool)[rows]).any():
            return None
        kept = ~twins
        found: dict[str, Any] = {"items": int(twins.sum())}
        if not kept.any():
            return found | {"auroc": {"value": None, "reason": "every test image has a near-duplicate in training"}}
        numbers = self.image(anomalous[kept], scores[kept], np.zeros(kept.sum(), bool), "without twins")
        return found | {"auroc": numbers["auroc"]}

    def pixel_counts(self, images: int) -> PixelCounts:
        """Return empty counts for the maps of `images` test images."""
        return PixelCounts(images, resamples=self.resamples, generator=self._generator("pixel"))

    def reconstruction(self, detector: Detector, store: Store, normal: Rows) -> dict[str, Interval]:
        """Return the mean squared reconstruction error of normal images, or why there is none."""
        if not len(normal):
            return {"mse": {"value": None, "reason": "the test split has no normal image"}}
        errors = squared_errors(detector, store, normal)
        if errors is None:
            return {"mse": {"value": None, "reason": "the detector makes no reconstructions"}}
        return mean_intervals({"mse": errors}, resamples=self.resamples, generator=self._generator("reconstruction"))


def pixel_metrics(pixels: PixelCounts | None) -> dict[str, Any]:
    """Return metrics over pixels, or why there are none."""
    if pixels is None:
        return {"value": None, "reason": "the data set has no masks"}
    if not pixels.added and not pixels.left_out:
        return {"value": None, "reason": "the detector has no maps"}
    return pixels.metrics()
