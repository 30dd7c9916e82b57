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
from darkroom.detect.figures import Shown, draw_gallery, draw_histogram, draw_roc
from darkroom.detect.items import anomalous, normal_rows
from darkroom.detect.overlay import peak, scale
from darkroom.detect.pixels import PixelCounts
from darkroom.detect.reconstruction import as_bytes, draw_strips, squared_errors
from darkroom.detect.threshold import Judge, Threshold, from_labels, from_normals, from_tail
from darkroom.fit.batches import as_float
from darkroom.fit.model import WEIGHTS, chunks
from darkroom.log import Log
from darkroom.measure import ranking
from darkroom.measure.bootstrap import Floats, Interval, intervals, mean_intervals
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
    val_peaks: list[float] = []
    test_peaks: list[float] = []
    val_scores, _ = scored(detector, store, val, peaks=val_peaks)
    threshold = _threshold(spec, detector, store, val_scores)
    draws = Draws(spec.resamples, spec.seed)
    pixels = None if store.masks is None else draws.pixel_counts(len(test))
    scores, seconds = scored(detector, store, test, unusual, pixels, test_peaks)
    result = {
        "normal": list(spec.normal),
        "labels_seen": _labels_seen(store, spec),
        "n_normal": int((~unusual).sum()),
        "n_anomalous": int(unusual.sum()),
        "threshold": threshold.value,
        "threshold_rule": threshold.rule,
        "image": draws.image_metrics(unusual, scores, scores > threshold.value),
        "by_class": draws.by_class(store, test, unusual, scores, scores > threshold.value),
        "pixel": pixel_metrics(pixels),
        "pixel_left_out": pixels.left_out if pixels else 0,
        "reconstruction": draws.reconstruction_metrics(detector, store, test[~unusual]),
    }
    span = scale(np.array(val_peaks), np.array(test_peaks)) if test_peaks else None
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
        top = np.argsort(-scores, kind="stable")[: spec.examples]
        draw_gallery(shown(detector, store, test[top], unusual[top], scores[top], threshold), fresh / "gallery.png")
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
    peaks: list[float] | None = None,
) -> tuple[Scores, float]:
    """The scores (N,) of these rows and the seconds it took, one batch in memory at a time.

    Maps go to `pixels`, and how hot they get to `peaks`. Images that are anomalous but have no mask, or one that marks
    nothing, are left out of `pixels`: what is anomalous in them is not known.
    """
    found, seconds = np.empty(len(rows)), 0.0  # filled in place: small arrays kept in between would scatter the memory
    masks = store.items["mask"].to_numpy(dtype=np.int64)
    for start, images in zip(range(0, len(rows), BATCH), chunks(store.images, rows, batch_size=BATCH), strict=True):
        begun = time.monotonic()
        scores, maps = detector.score(images)
        found[start : start + len(scores)] = scores.double().cpu().numpy()
        seconds += time.monotonic() - begun
        if peaks is not None and maps is not None:
            peaks += [peak(values) for values in maps.float().cpu().numpy()]
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

    def image_metrics(self, unusual: Flags, scores: Scores, flagged: Flags) -> dict[str, Interval]:
        """Threshold-free numbers and those at the threshold; anomalies are the positive kind."""

        def statistic(weights: Floats) -> dict[str, Floats]:
            found = ranking.curve(unusual, scores, weights)
            return {
                "auroc": ranking.area(found),
                "average_precision": ranking.mean_precision(found),
                "fpr95": ranking.false_at(found, 0.95),
                **ranking.at_threshold(unusual, flagged, weights),
            }

        missing = "normal" if unusual.all() else "anomalous"
        return intervals(
            statistic,
            len(scores),
            resamples=self.resamples,
            generator=self._generator("image"),
            reason=f"the test split has no {missing} image",
        )

    def by_class(
        self, store: Store, rows: Rows, unusual: Flags, scores: Scores, flagged: Flags
    ) -> dict[str, dict[str, Any]]:
        """Each anomalous class against all normal images."""
        found = {}
        for label in np.unique(store.labels[rows[unusual]]):
            name, of_class = store.classes[label], store.labels[rows] == label
            kept = of_class | ~unusual
            numbers = intervals(
                lambda weights, y=of_class[kept], s=scores[kept]: {"auroc": ranking.auroc(y, s, weights)},  # type: ignore[misc]
                int(kept.sum()),
                resamples=self.resamples,
                generator=self._generator("class", name),
                reason="the test split has no normal image",
            )
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


def shown(
    detector: Detector, store: Store, rows: Rows, unusual: Flags, scores: Scores, threshold: Threshold
) -> list[Shown]:
    """What the gallery needs of these rows, made again as none was kept."""
    examples = []
    for row, strange, score in zip(rows, unusual, scores, strict=True):
        image = as_float(store.images[[row]])
        rebuilt, maps = detector.reconstruct(image), detector.score(image).maps
        examples.append(
            Shown(
                image=store.images[row],
                reconstruction=None if rebuilt is None else as_bytes(rebuilt)[0],
                error=None if maps is None else maps[0].numpy(),
                name=store.classes[store.labels[row]],
                score=float(score),
                anomalous=bool(strange),
                flagged=bool(score > threshold.value),
            )
        )
    return examples


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
    flat |= {f"test/per_class/{name}/auroc": found["auroc"]["value"] for name, found in result["by_class"].items()}
    return {**{name: value for name, value in flat.items() if value is not None}, "threshold": result["threshold"]}
