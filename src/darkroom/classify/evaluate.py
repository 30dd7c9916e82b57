"""The job `classify evaluate`: measure a classifier on the test split, with and without test-time augmentation."""

from __future__ import annotations

import csv
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.classify.calibration import Calibration, calibrate, log_softmax
from darkroom.classify.config import EvaluateSpec
from darkroom.classify.figures import draw_confusion, draw_curves, draw_reliability, draw_turned
from darkroom.classify.metrics import SCORES, confusion, scores, share_intervals
from darkroom.classify.tta import all_logits, fit_weights, look_names, merge, plain_logits, turned
from darkroom.data.store import Store, labelled, needed, open_store
from darkroom.fit.model import HISTORY, predict, read_about, rebuild
from darkroom.log import Log
from darkroom.measure.bootstrap import intervals
from darkroom.randomness import derive

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
NO_ITEM = "the test split has no image of this class"
NO_VALIDATION = "no labeled validation images to learn weights from, so all views have equal weight"


def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log, workers: int = 1) -> None:
    """Evaluate the model in `model` on the test split; temperature and TTA weights are fitted on the validation split.

    The results do not depend on `workers`, the number of threads. Raises ValueError if the test split has no labeled image.
    """
    torch.set_num_threads(1)  # floating-point sums depend on it
    store = open_store(data)
    about = read_about(model)
    network = rebuild("network", model, about.shape, len(about.classes))
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    test, val = needed(store, "test"), labelled(store, "val")
    views = [registry.build(view) for view in spec.tta]
    names = look_names(views, [view.name for view in spec.tta])  # type: ignore[attr-defined]

    # batches of a pretrained network, which is large, are small enough for the caches and for every thread to have some
    how = {"batch_size": 32 if hasattr(network, "load_pretrained") else 256, "workers": workers}

    def looks(rows: Labels) -> NDArray[np.float32]:
        return predict(lambda images: all_logits(network, views, images), store.images, rows, **how)

    held_out = looks(val) if len(val) else np.empty((0, len(names), len(store.classes)), np.float32)
    started = time.monotonic()
    plain = predict(lambda images: plain_logits(network, images), store.images, test, **how).astype(np.float64)
    seconds = {"plain": time.monotonic() - started}

    def calibrated(logits: Floats) -> Calibration:
        draws = np.random.default_rng(derive(spec.seed, "calibration"))
        return calibrate(logits, store.labels[val], generator=draws)

    answers = {"plain": Answer(plain, calibrated(held_out[:, 0].astype(np.float64)))}
    weights = fit_weights(held_out, store.labels[val]) if views and spec.tta_merge == "learned" else None
    if views:
        started = time.monotonic()
        merged = merge(looks(test), spec.tta_merge, weights)
        seconds["tta"] = time.monotonic() - started
        answers["tta"] = Answer(merged, calibrated(merge(held_out, spec.tta_merge, weights)))
    labels = store.labels[test]
    result = _measured(answers, labels, store, spec)
    if views:
        counts = [{**view.model_dump(), "looks": len(built.looks)} for view, built in zip(spec.tta, views, strict=True)]
        result["tta"] |= {"merge": spec.tta_merge, "views": counts, "looks": names}
        if weights is not None:
            result["tta"]["weights"] = dict(zip(names, weights.tolist(), strict=True))
            result["tta"] |= {} if len(val) else {"note": NO_VALIDATION}
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", result)
        predictions = _predictions(answers, store, test)
        predictions.to_parquet(fresh / "predictions.parquet", index=False)
        shown = answers["plain"]
        draw_confusion(confusion(shown.predicted, labels, len(store.classes)), store.classes, fresh / "confusion.png")
        draw_reliability(shown.raw, shown.calibrated, labels, shown.temperature, fresh / "reliability.png")
        draw_curves(pd.read_csv(model / HISTORY), fresh / "curves.png")
        if views:
            found = turned(predictions, store.classes)
            # quote all text, since names may contain commas, quotes and line breaks
            found.to_csv(fresh / "tta.csv", index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
            if len(found):
                draw_turned(found, store.images, test, fresh / "tta.png")
        times = {name: taken / len(test) * 1000 for name, taken in seconds.items()}
        files.write_json(fresh / files.TIMING, {"seconds": sum(seconds.values()), "ms_per_image": times})
    log(_flat(result))


class Answer:
    """A classifier's predictions from logits (N, K), uncalibrated and calibrated."""

    def __init__(self, logits: Floats, calibration: Calibration) -> None:
        self.calibration, self.temperature = calibration, calibration.temperature
        self.raw: Floats = np.exp(log_softmax(logits))
        self.calibrated: Floats = np.exp(log_softmax(logits / self.temperature))
        self.predicted: Labels = logits.argmax(1)


def _measured(answers: dict[str, Answer], labels: Labels, store: Store, spec: EvaluateSpec) -> dict[str, Any]:
    """Return the contents of metrics.json."""
    result: dict[str, Any] = {"items": len(labels), "views": {}, "per_class": {}, "temperature": {}, "calibration": {}}
    result["confusion"] = {}
    support = np.bincount(labels, minlength=len(store.classes))
    for name, answer in answers.items():
        counts = confusion(answer.predicted, labels, len(store.classes))
        shares = share_intervals(counts)
        found = {
            kind: intervals(
                lambda weights, p=probabilities: scores(weights, p, labels),  # type: ignore[misc]
                len(labels),
                resamples=spec.resamples,
                generator=np.random.default_rng(derive(spec.seed, "bootstrap")),
                biased=("ece",),
            )
            | shares
            for kind, probabilities in (("raw", answer.raw), ("calibrated", answer.calibrated))
        }
        result["views"][name] = {kind: {score: values[score] for score in SCORES} for kind, values in found.items()}
        result["per_class"][name] = {
            label: {
                **{
                    part: found["raw"][f"{part}/{k}"] if support[k] else {"value": None, "reason": NO_ITEM}
                    for part in ("precision", "recall", "f1")
                },
                "support": int(support[k]),
            }
            for k, label in enumerate(store.classes)
        }
        result["temperature"][name] = answer.temperature
        result["calibration"][name] = asdict(answer.calibration)
        result["confusion"][name] = counts.tolist()
    if "tta" in answers:
        before, after = answers["plain"].predicted == labels, answers["tta"].predicted == labels
        result["tta"] = {"fixed": int((after & ~before).sum()), "broken": int((before & ~after).sum())}
    return result


def _predictions(answers: dict[str, Answer], store: Store, rows: Labels) -> pd.DataFrame:
    """Tabulate one row per image: its label, and each view's prediction and calibrated probabilities."""
    columns: dict[str, Any] = {"id": store.items["id"].to_numpy()[rows], "label": store.labels[rows]}
    for name, answer in answers.items():
        columns[f"prediction_{name}"] = answer.predicted
        columns[f"confidence_{name}"] = answer.calibrated.max(1)
    for name, answer in answers.items():
        columns |= {f"p_{name}_{k}": answer.calibrated[:, k] for k in range(len(store.classes))}
    return pd.DataFrame(columns)


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """Name the numbers as metrics: `test/accuracy`, `test/tta/ece_calibrated`, `test/per_class/6/recall`."""
    flat: dict[str, float] = {}
    for view, kinds in result["views"].items():
        prefix = "test" if view == "plain" else f"test/{view}"
        for kind, values in kinds.items():
            suffix = "" if kind == "raw" else "_calibrated"
            flat |= {f"{prefix}/{name}{suffix}": found["value"] for name, found in values.items()}
        flat[f"{prefix}/temperature"] = result["temperature"][view]
    for label, parts in result["per_class"]["plain"].items():
        flat |= {f"test/per_class/{label}/{name}": parts[name]["value"] for name in ("precision", "recall", "f1")}
    if "tta" in result:
        flat |= {f"test/tta/{name}": result["tta"][name] for name in ("fixed", "broken")}
    return {name: value for name, value in flat.items() if value is not None}
