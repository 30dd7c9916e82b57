"""The job `detect evaluate`: a threshold from validation normals, and what it and the scores do on the test split."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.store import Store, labelled, needed, open_store, release
from darkroom.detect.config import EvaluateSpec
from darkroom.detect.detector import Detector, read_detector
from darkroom.detect.evaluation.examples import Kept, Verdicts, colors, larger, save_examples
from darkroom.detect.evaluation.figures import draw_gallery, draw_histogram, draw_roc
from darkroom.detect.evaluation.pixels import PixelCounts
from darkroom.detect.evaluation.reconstruction import draw_strips, squared_errors
from darkroom.detect.evaluation.threshold import Judge, Threshold, from_labels, from_normals, from_tail
from darkroom.detect.items import anomalous, normal_rows
from darkroom.fit.model import WEIGHTS, chunks
from darkroom.log import Log
from darkroom.measure import ranking
from darkroom.measure.bootstrap import Floats, Interval, intervals, mean_intervals
from darkroom.measure.proportion import wilson
from darkroom.randomness import derive

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]
BATCH = 64


@torch.inference_mode()
def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log) -> None:
    """Score the detector in `model`. Raises ValueError when there are no normal validation or no labelled test images."""
    store = open_store(data)
    detector = read_detector(model)
    val, test = normal_rows(store, "val", spec.normal), needed(store, "test")
    unusual = anomalous(store, test, spec.normal)
    of_val, of_test = Kept(0), Kept(spec.examples)
    val_scores, _ = scored(detector, store, val, kept=of_val)
    threshold = _threshold(spec, detector, store, val_scores)
    draws = Draws(spec.resamples, spec.seed)
    pixels = None if store.masks is None else draws.pixel_counts(len(test))
    scores, seconds = scored(detector, store, test, unusual, pixels, of_test)
    result = {
        "normal": list(spec.normal),
        "labels_seen": _labels_seen(store, spec),
        "n_normal": int((~unusual).sum()),
        "n_anomalous": int(unusual.sum()),
        "threshold": threshold.value,
        "threshold_rule": threshold.rule,
        "threshold_kind": spec.threshold,
        "false_alarms_asked": None if spec.threshold == "best_f1" else spec.false_alarms,
        "image": draws.image_metrics(unusual, scores, scores > threshold.value, "image"),
        "by_class": draws.by_class(store, test, unusual, scores, scores > threshold.value),
        "pixel": pixel_metrics(pixels),
        "pixel_left_out": pixels.left_out if pixels else 0,
        "reconstruction": draws.reconstruction_metrics(detector, store, test[~unusual]),
    }
    verdicts, span = Verdicts(store, test, unusual, scores, threshold.value), colors(of_val, of_test)
    strips = larger(detector, verdicts)
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", result)
        Judge(threshold.value, threshold.rule, files.read_manifest(model)[WEIGHTS], span).save(fresh)
        table = pd.concat(
            [
                _table(store, val, np.zeros(len(val), bool), val_scores, threshold),
                _table(store, test, unusual, scores, threshold),
            ]
        )
        table.to_parquet(fresh / "scores.parquet", index=False)
        save_examples(fresh, verdicts, of_test, strips, span)
        draw_gallery(strips, span, fresh / "gallery.png")
        draw_histogram(val_scores, scores[~unusual], scores[unusual], threshold.value, fresh / "histogram.png")
        draw_roc(unusual, scores, threshold.value, fresh / "roc.png")
        draw_strips(detector, store, test[~unusual], test[unusual], fresh)
        times = {"seconds": seconds, "ms_per_image": seconds / len(test) * 1000}
        files.write_json(fresh / files.TIMING, times)
    log(_flat(result))


def _labels_seen(store: Store, spec: EvaluateSpec) -> list[str]:
    """The anomalous classes whose labels a classifier was trained on that the detector looks through."""
    if spec.network is None:
        return []
    seen = np.unique(store.labels[labelled(store, "train")])
    return [store.classes[label] for label in seen if store.classes[label] not in spec.normal]


def _threshold(spec: EvaluateSpec, detector: Detector, store: Store, normal_scores: Scores) -> Threshold:
    """By the spec's rule, from validation images alone."""
    if spec.threshold == "best_f1":
        rows = store.rows("val")
        rows = rows[store.labels[rows] >= 0]
        return from_labels(scored(detector, store, rows)[0], anomalous(store, rows, spec.normal))
    rule = {"quantile": from_normals, "extreme_value": from_tail}[spec.threshold]
    return rule(normal_scores, spec.false_alarms)


def scored(
    detector: Detector,
    store: Store,
    rows: Rows,
    unusual: Flags | None = None,
    pixels: PixelCounts | None = None,
    kept: Kept | None = None,
) -> tuple[Scores, float]:
    """The scores (N,) of these rows and the seconds it took, one batch in memory at a time.

    Maps go to `pixels` and `kept`. Images that are anomalous but have no mask, or one that marks nothing, are left out of
    `pixels`: what is anomalous in them is not known.
    """
    found, seconds = np.empty(len(rows)), 0.0  # filled in place: small arrays kept in between would scatter the memory
    masks = store.items["mask"].to_numpy(dtype=np.int64)
    for start, images in zip(range(0, len(rows), BATCH), chunks(store.images, rows, batch_size=BATCH), strict=True):
        begun = time.monotonic()
        scores, maps = detector.score(images)
        found[start : start + len(scores)] = scores.double().cpu().numpy()
        seconds += time.monotonic() - begun
        if kept is not None:
            kept.add(found[start : start + len(scores)], None if maps is None else maps.float().cpu().numpy())
        if pixels is None or unusual is None or store.masks is None or maps is None:
            continue
        for index, values in enumerate(maps.float().cpu().numpy(), start=start):
            mask = masks[rows[index]]
            marked = store.masks[mask] > 0 if mask >= 0 else np.zeros(values.shape, bool)
            if marked.any() or not unusual[index]:
                pixels.add(values, marked)
            else:
                pixels.leave_out()
        release(store.masks)
    return found, seconds


class Draws:
    """Metrics with intervals, each from its own stream of resamples."""

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples, self.seed = resamples, seed

    def _generator(self, *keys: str) -> np.random.Generator:
        return np.random.default_rng(derive(self.seed, "bootstrap", *keys))

    def image_metrics(self, unusual: Flags, scores: Scores, flagged: Flags, *keys: str) -> dict[str, Interval]:
        """Threshold-free numbers and those at the threshold; anomalies are the positive kind, `keys` name the resamples."""

        def statistic(weights: Floats) -> dict[str, Floats]:
            found = ranking.curve(unusual, scores, weights)
            return {
                "auroc": ranking.area(found),
                "average_precision": ranking.mean_precision(found),
                "fpr95": ranking.false_at(found, 0.95),
                "f1": ranking.f1_of(unusual, flagged, weights),
            }

        reason = f"the test split has no {'normal' if unusual.all() else 'anomalous'} image"
        ranked = intervals(
            statistic, len(scores), resamples=self.resamples, generator=self._generator(*keys), reason=reason
        )
        rates = {"detection_rate": flagged[unusual], "false_alarm_rate": flagged[~unusual]}
        return ranked | {name: wilson(int(of.sum()), len(of), reason=reason) for name, of in rates.items()}

    def by_class(
        self, store: Store, rows: Rows, unusual: Flags, scores: Scores, flagged: Flags
    ) -> dict[str, dict[str, Any]]:
        """Each anomalous class against all normal images."""
        found = {}
        for label in np.unique(store.labels[rows[unusual]]):
            name, of_class = store.classes[label], store.labels[rows] == label
            kept = of_class | ~unusual
            numbers = self.image_metrics(of_class[kept], scores[kept], flagged[kept], "class", name)
            del numbers["false_alarm_rate"]  # that of the normal images, whatever the class
            found[name] = {"items": int(of_class.sum()), "flagged": int((flagged & of_class).sum()), **numbers}
        return found

    def pixel_counts(self, images: int) -> PixelCounts:
        """To be filled with the maps of the test images."""
        return PixelCounts(images, resamples=self.resamples, generator=self._generator("pixel"))

    def reconstruction_metrics(self, detector: Detector, store: Store, normal: Rows) -> dict[str, Interval]:
        """The mean squared error of normal images' reconstructions, or why there is none."""
        if not len(normal):
            return {"mse": {"value": None, "reason": "the test split has no normal image"}}
        errors = squared_errors(detector, store, normal)
        if errors is None:
            return {"mse": {"value": None, "reason": "the detector reconstructs no image"}}
        return mean_intervals({"mse": errors}, resamples=self.resamples, generator=self._generator("reconstruction"))


def pixel_metrics(pixels: PixelCounts | None) -> dict[str, Any]:
    """Numbers over pixels, or why there are none."""
    if pixels is None:
        return {"value": None, "reason": "the data set has no masks"}
    if not pixels.added and not pixels.left_out:
        return {"value": None, "reason": "the detector makes no maps"}
    return pixels.metrics()


def _table(store: Store, rows: Rows, unusual: Flags, scores: Scores, threshold: Threshold) -> pd.DataFrame:
    """A row an image."""
    return pd.DataFrame(
        {
            **{column: store.items[column].to_numpy()[rows] for column in ("id", "label", "split")},
            "anomalous": unusual,
            "score": scores,
            "flagged": scores > threshold.value,
        }
    )


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """The numbers as metrics: `test/auroc`, `test/pixel/auroc`, `test/per_class/crack/auroc`."""
    flat = {f"test/{name}": found["value"] for name, found in result["image"].items()}
    if "auroc" in result["pixel"]:
        flat |= {f"test/pixel/{name}": found["value"] for name, found in result["pixel"].items()}
    flat["test/reconstruction/mse"] = result["reconstruction"]["mse"]["value"]
    for name, found in result["by_class"].items():
        flat |= {f"test/per_class/{name}/{key}": found[key]["value"] for key in ("auroc", "detection_rate")}
    return {**{name: value for name, value in flat.items() if value is not None}, "threshold": result["threshold"]}
