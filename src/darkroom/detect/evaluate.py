"""The job `detect evaluate`: set the threshold on validation images, then measure scores and threshold on the test split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from darkroom import files
from darkroom.data.store import Store, labeled, open_store, release
from darkroom.detect.config import EvaluateSpec
from darkroom.detect.detector import Detector, read_detector
from darkroom.detect.evaluation.examples import ScoredTest, TopMaps, color_scale, enlarged, save_examples
from darkroom.detect.evaluation.figures import draw_gallery, draw_histogram, draw_roc
from darkroom.detect.evaluation.metrics import Flags, Metrics, Rows, Scores, pixel_metrics
from darkroom.detect.evaluation.pixels import PixelCounts
from darkroom.detect.evaluation.reconstruction import draw_strips
from darkroom.detect.evaluation.threshold import (
    OperatingPoint,
    Threshold,
    from_anomalies,
    from_labels,
    from_normals,
    from_tail,
)
from darkroom.detect.items import is_anomalous, normal_rows, tested_rows
from darkroom.fit.model import WEIGHTS, chunks
from darkroom.log import Log

BATCH = 64
"""Images scored at a time."""


def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log) -> None:
    """Evaluate the detector in `model`. Raises ValueError without normal validation images or labeled test images."""
    measure(spec, data=data, model=model, out=out, log=log)


@torch.inference_mode()
def measure(
    spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log, threshold: Threshold | None = None
) -> None:
    """Evaluate the detector in `model` at a threshold, by default the one that the spec's rule sets."""
    store = open_store(data)
    detector = read_detector(model)
    val, test = normal_rows(store, "val", spec.normal), tested_rows(store, spec.normal)
    anomalous = is_anomalous(store, test, spec.normal)
    val_maps, test_maps = TopMaps(0), TopMaps(spec.examples)
    val_scores, _ = scored(detector, store, val, top=val_maps)
    threshold = threshold or set_threshold(spec, detector, store, val_scores)
    metrics = Metrics(resamples=spec.resamples, recall=spec.recall, seed=spec.seed)
    pixels = None if store.masks is None else metrics.pixel_counts(len(test))
    scores, times = scored(detector, store, test, anomalous, pixels, test_maps)
    flagged = scores > threshold.value
    result = {
        "normal": list(spec.normal),
        "labels_seen": _labels_seen(store, spec),
        "n_normal": int((~anomalous).sum()),
        "n_anomalous": int(anomalous.sum()),
        "threshold": threshold.value,
        "threshold_rule": threshold.rule,
        "threshold_kind": spec.threshold,
        "false_alarms_asked": spec.false_alarms if spec.threshold in ("quantile", "extreme_value") else None,
        "recall_asked": spec.recall,
        "image": metrics.image(anomalous, scores, flagged, "image"),
        "without_twins": metrics.without_twins(store, test, anomalous, scores),
        "by_class": metrics.by_class(store, test, anomalous, scores, flagged),
        "pixel": pixel_metrics(pixels),
        "pixel_left_out": pixels.left_out if pixels else 0,
        "reconstruction": metrics.reconstruction(detector, store, test[~anomalous]),
    }
    colors = color_scale(val_maps, test_maps)
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", result)
        OperatingPoint(threshold.value, threshold.rule, files.read_manifest(model)[WEIGHTS], colors).save(fresh)
        table = pd.concat(
            [
                _table(store, val, np.zeros(len(val), bool), val_scores, threshold),
                _table(store, test, anomalous, scores, threshold),
            ]
        )
        table.to_parquet(fresh / "scores.parquet", index=False)
        if store.kind in ("image", "audio"):
            tested = ScoredTest(store, test, anomalous, scores, threshold.value, detector.pictures)
            strips = enlarged(detector, tested)
            save_examples(fresh, tested, test_maps, strips, colors)
            draw_gallery(strips, colors, fresh / "gallery.png")
            draw_strips(detector, store, test[~anomalous], test[anomalous], fresh)
        draw_histogram(val_scores, scores[~anomalous], scores[anomalous], threshold.value, fresh / "histogram.png")
        draw_roc(anomalous, scores, threshold.value, fresh / "roc.png")
        files.write_json(fresh / files.TIMING, timing(times))
    log(_flat(result))


def _labels_seen(store: Store, spec: EvaluateSpec) -> list[str]:
    """Return the anomalous classes whose labels were used to train the classifier that serves as feature extractor."""
    if spec.network is None:
        return []
    seen = np.unique(store.labels[labeled(store, "train")])
    return [store.classes[label] for label in seen if store.classes[label] not in spec.normal]


def set_threshold(spec: EvaluateSpec, detector: Detector, store: Store, normal_scores: Scores) -> Threshold:
    """Set the threshold by the spec's rule, on validation images only."""
    if spec.threshold == "quantile":
        return from_normals(normal_scores, spec.false_alarms)
    if spec.threshold == "extreme_value":
        return from_tail(normal_scores, spec.false_alarms)
    rows = labeled(store, "val")
    scores, anomalous = scored(detector, store, rows)[0], is_anomalous(store, rows, spec.normal)
    return (
        from_labels(scores, anomalous)
        if spec.threshold == "best_f1"
        else from_anomalies(scores[anomalous], spec.recall)
    )


def scored(
    detector: Detector,
    store: Store,
    rows: Rows,
    anomalous: Flags | None = None,
    pixels: PixelCounts | None = None,
    top: TopMaps | None = None,
) -> tuple[Scores, list[tuple[float, int]]]:
    """Return the scores (N,) of these rows, and the seconds and the number of images of each batch.

    One batch is in memory at a time.

    Maps are added to `pixels` and `top`. Anomalous images without a mask, or with an empty one, are left out of `pixels`,
    since it is unknown which of their pixels are anomalous.
    """
    found, times = np.empty(len(rows)), []  # filled in place: keeping many small arrays would fragment memory
    masks = store.items["mask"].to_numpy(dtype=np.int64)
    for start, images in zip(range(0, len(rows), BATCH), chunks(store.samples, rows, batch_size=BATCH), strict=True):
        begun = time.monotonic()
        scores, maps = detector.score(images)
        found[start : start + len(scores)] = scores.double().cpu().numpy()
        times.append((time.monotonic() - begun, len(scores)))
        if top is not None:
            top.add(found[start : start + len(scores)], None if maps is None else maps.float().cpu().numpy())
        if pixels is None or anomalous is None or store.masks is None or maps is None:
            continue
        for index, values in enumerate(maps.float().cpu().numpy(), start=start):
            mask = masks[rows[index]]
            marked = store.masks[mask] > 0 if mask >= 0 else np.zeros(values.shape, bool)
            if marked.any() or not anomalous[index]:
                pixels.add(values, marked)
            else:
                pixels.leave_out()
        release(store.masks)
    return found, times


def timing(times: Sequence[tuple[float, int]]) -> dict[str, float]:
    """Return the total seconds, and the milliseconds per image of the median batch, which a busy moment does not change."""
    per_image = [seconds / images for seconds, images in times]
    return {"seconds": sum(seconds for seconds, _ in times), "ms_per_image": float(np.median(per_image)) * 1000}


def _table(store: Store, rows: Rows, anomalous: Flags, scores: Scores, threshold: Threshold) -> pd.DataFrame:
    """Return a table with one row per image."""
    return pd.DataFrame(
        {
            **{column: store.items[column].to_numpy()[rows] for column in ("id", "label", "split")},
            "anomalous": anomalous,
            "score": scores,
            "flagged": scores > threshold.value,
        }
    )


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """Return the numbers as metrics: `test/auroc`, `test/pixel/auroc`, `test/per_class/crack/auroc`."""
    flat = {f"test/{name}": found["value"] for name, found in result["image"].items()}
    if "auroc" in result["pixel"]:
        flat |= {f"test/pixel/{name}": found["value"] for name, found in result["pixel"].items()}
    if result["without_twins"]:
        flat["test/without_twins/auroc"] = result["without_twins"]["auroc"]["value"]
    flat["test/reconstruction/mse"] = result["reconstruction"]["mse"]["value"]
    for name, found in result["by_class"].items():
        flat |= {f"test/per_class/{name}/{key}": found[key]["value"] for key in ("auroc", "detection_rate")}
    return {**{name: value for name, value in flat.items() if value is not None}, "threshold": result["threshold"]}
