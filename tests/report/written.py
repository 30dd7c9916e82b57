"""Results of single jobs as the stages write them, with synthetic numbers and images."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

from darkroom import figures, files, sheets
from darkroom.data.store import Store
from darkroom.detect.evaluation import examples
from darkroom.report.config import ClassifierEntry, DetectorEntry, GeneratorEntry

DIGITS = tuple(str(k) for k in range(10))
ERRORS = {("none", "mlp"): 0.075, ("standard", "mlp"): 0.05, ("none", "resnet"): 0.025, ("standard", "resnet"): 0.011}


def seed(method: str, number: int = 0) -> dict[str, Any]:
    """The seed of an entry, and its folders."""
    folder = f"{method}/seed-{number}"
    return {"seed": number, "model_folder": f"{folder}/model", "evaluation_folder": f"{folder}/evaluation"}


def settings(detector: str) -> dict[str, Any]:
    """Return the config of a detector named by its plug-in and code size, such as `pca_16`."""
    name, _, size = detector.partition("_")
    return {"detector": {"name": name, "components" if name == "pca" else "latent": int(size or 32)}}


def interval(value: float, spread: float, low: float = -math.inf, high: float = math.inf) -> dict[str, float]:
    return {"value": value, "low": max(low, value - spread), "high": min(high, value + spread)}


def share(value: float, items: int) -> dict[str, float]:
    return interval(value, 1.96 * math.sqrt(max(value * (1 - value), 1e-4) / items), 0, 1)


@functools.cache
def sheet(columns: int, rows: int, height: int = 44) -> bytes:
    images = (load_digits().images[: columns * rows, :, :, None] * 15.9).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(sheets.tile(images, columns=columns, height=height)).save(stream, "png")
    return stream.getvalue()


@functools.cache
def plot(width: float = 6, height: float = 4) -> bytes:
    drawn, axes = figures.figure(width, height)
    axes.plot([0, 0.1, 0.3, 1], [0, 0.8, 0.95, 1], marker="o")
    stream = io.BytesIO()
    drawn.savefig(stream, dpi=130)
    return stream.getvalue()


def write_model(out: Path, plugin: dict[str, Any], classes: Sequence[str], history: pd.DataFrame | None) -> None:
    with files.folder(out) as fresh:
        about = {"plugin": plugin, "shape": [1, 28, 28], "classes": list(classes), "parameters": 78_042}
        files.write_json(fresh / "model.json", {**about, "precision": "bf16", "channels_last": True})
        (fresh / "weights.pt").write_bytes(bytes(2_500_000))
        files.write_json(fresh / files.TIMING, {"seconds": 21.4, "images_per_second": 3310.5})
        if history is not None:
            history.to_csv(fresh / "history.csv", index=False)


def write_classifier(
    out: Path, entry: ClassifierEntry, classes: Sequence[str], items: int, tta: bool, validation: bool
) -> None:
    key = (entry.policy, entry.model)
    generator = np.random.default_rng([entry.seed, *map(ord, "".join(key))])
    k = len(classes)
    labels = np.arange(items) % k
    difficulty = np.random.default_rng(5).random(items)  # the same items are hard for every model
    wrong = difficulty + 0.01 * generator.normal(size=items) < ERRORS.get(key, 0.1)
    predicted = np.where(wrong, (labels + 1 + generator.integers(0, k - 1, items)) % k, labels)
    fixed = np.flatnonzero(wrong)[: 3 if tta else 0]
    looks = {"plain": predicted}
    if tta:
        looks["tta"] = predicted.copy()
        looks["tta"][fixed] = labels[fixed]
        looks["tta"][np.flatnonzero(~wrong)[:1]] = (labels[np.flatnonzero(~wrong)[:1]] + 1) % k
    result: dict[str, Any] = {"items": items, "views": {}, "per_class": {}, "temperature": {}, "confusion": {}}
    result |= {"conformal": {}, "risk_coverage": {}}
    for view, answer in looks.items():
        right = float((answer == labels).mean())
        scores = dict.fromkeys(
            ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1"), share(right, items)
        )
        scores["macro_auroc"] = interval(1 - (1 - right) / 20, 0.001, 0, 1)
        result["views"][view] = {
            stage: {
                **scores,
                "nll": interval(factor * (1 - right) * 3.4, 0.03, 0),
                "brier": interval(factor * (1 - right) * 1.5, 0.012, 0),
                "ece": interval(factor * 0.024, 0.006, 0),
            }
            for stage, factor in (("raw", 1.0), ("calibrated", 0.4))
        }
        result["per_class"][view] = {
            name: {
                **{m: share(float((answer[labels == i] == i).mean()), 50) for m in ("precision", "recall", "f1")},
                "support": int((labels == i).sum()),
            }
            for i, name in enumerate(classes)
        }
        counts = np.zeros((k, k), int)
        np.add.at(counts, (labels, answer), 1)
        result["temperature"][view] = 3.0
        result["conformal"][view], result["risk_coverage"][view] = doubt(right, items, classes)
        result["confusion"][view] = counts.tolist()
    if tta:
        looked = ["plain", *(f"shift: {way}" for way in ("right", "left", "down", "up"))]
        result["tta"] = {"fixed": len(fixed), "broken": 1, "merge": "mean", "looks": looked}
        result["tta"]["views"] = [{"name": "shift", "pixels": 1, "looks": 4}]
    history = pd.DataFrame(
        {"epoch": range(3), "step": [28, 56, 84], "learning_rate": 1e-3, "train_loss": [1, 0.5, 0.2]}
    )
    if validation:
        history["val_loss"] = [1.1, 0.6, 0.3]
        history["val_accuracy"] = [0.7, 0.9, 1.002 - ERRORS.get(key, 0.1) - 0.001 * entry.seed]
    write_model(out / "model", {"name": entry.model, "width": 32}, classes, history)
    with files.folder(out / "evaluation") as fresh:
        files.write_json(fresh / "metrics.json", result)
        table: dict[str, Any] = {"id": np.arange(items), "label": labels}
        table |= {f"prediction_{v}": a for v, a in looks.items()}
        sure = 1 - ERRORS.get(key, 0.1)  # calibrated: as sure as it is right
        for v, a in looks.items():
            table |= {f"p_{v}_{i}": np.where(a == i, sure, (1 - sure) / (k - 1)) for i in range(k)}
        pd.DataFrame(table).to_parquet(fresh / "predictions.parquet")
        if validation:
            rows = np.arange(100)
            answer = np.where(rows / 100 < ERRORS.get(key, 0.1), (rows + 1) % k, rows % k)
            validated = pd.DataFrame({"id": rows, "label": rows % k, "prediction_plain": answer})
            validated.to_parquet(fresh / "validation.parquet")
        if tta:
            write_turned(fresh, labels, looks, classes)
        (fresh / "confusion.png").write_bytes(plot(6, 5.4))
        (fresh / "reliability.png").write_bytes(plot(5, 5))
        (fresh / "risk.png").write_bytes(plot(5, 3.6))
        (fresh / "curves.png").write_bytes(plot(7, 3))
        times = {"plain": 0.31, **({"tta": 1.62} if tta else {})}
        files.write_json(fresh / files.TIMING, {"seconds": 1.2, "ms_per_image": times})


def doubt(right: float, items: int, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Prediction sets, and selective prediction, of a classifier of this accuracy."""
    covered = max(right, 0.9)
    sets: dict[str, Any] = {"level": 0.9, "validation_images": 500, "expected": {"low": 0.872, "high": 0.925}}
    sets |= {"coverage": share(covered, items), "size": interval(1.04, 0.01), "sizes": [items - 20, 15, 5]}
    sets |= {"per_class": {name: share(covered, 50) for name in classes}}
    missing = {"value": None, "reason": "too many errors among the most confident validation images"}
    chosen = {"confidence": {"value": 0.831}, "coverage": share(0.93, items), "errors": share(0.01, items)}
    thresholds = {"0.01": dict.fromkeys(chosen, missing), "0.05": chosen}
    return sets, {"aurc": interval(0.012, 0.004), "curve": {}, "thresholds": thresholds}


def write_turned(out: Path, labels: np.ndarray, looks: dict[str, np.ndarray], classes: Sequence[str]) -> None:
    right = {name: answer == labels for name, answer in looks.items()}
    fixed, broken = right["tta"] & ~right["plain"], right["plain"] & ~right["tta"]
    rows = np.r_[np.flatnonzero(fixed), np.flatnonzero(broken)]
    names = np.array(classes, object)
    table = pd.DataFrame({"id": rows, "turned": np.where(fixed[rows], "fixed", "broken"), "label": names[labels[rows]]})
    table = table.assign(plain=names[looks["plain"][rows]], tta=names[looks["tta"][rows]])
    table = table.assign(plain_confidence=0.5123, tta_confidence=0.871)
    table.to_csv(out / "tta.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    (out / "tta.png").write_bytes(sheet(8, 1))


def write_generator(out: Path, entry: GeneratorEntry, classes: Sequence[str], items: int) -> None:
    write_model(out / "model", {"name": entry.model, "latent": 16}, classes, None)
    shift = 0.3 * entry.seed + len(entry.model)
    test = {"elbo": interval(-94.2 - shift, 1.1), "reconstruction": interval(-70.1 - shift, 1.0)}
    quality = {"fid": 0.1 * shift, "kid": 0.002 * shift, "kid_sd": 0.001, "precision": 0.98 - shift / 100}
    quality |= {"recall": 0.9 - shift / 100, "density": 1.02, "coverage": 0.95 - shift / 50}
    quality |= {"samples": items, "against": items}
    real = {
        "fid": 0.02,
        "kid": 0.0,
        "kid_sd": 0.001,
        "precision": 0.97,
        "recall": 0.97,
        "density": 1.0,
        "coverage": 0.97,
    }
    real |= {"samples": 50, "against": 50, "of": "validation"}
    spread = {f"q{at:02d}": at / 50 for at in (1, 5, 25, 50, 75, 95)}
    copied = {"near_copies": share(0.012, items), "expected": 0.01}
    copied |= {"samples": {"distance": spread, "ratio": spread}, "held_out": {"distance": spread, "ratio": spread}}
    metrics = {
        "items": items,
        "samples": items,
        "conditional": True,
        "judge": {**quality, "features": 128, "trained": True},
        "judge_floor": real,
        "neutral": {"options": {}, **quality, "accuracy": share(0.98, items)},
        "imagenet": {"value": None, "reason": "not installed"},
        "accuracy": share(0.98, items),
        "accuracy_real": share(0.99, items),
        "collapse": {"collapsed": False, "reasons": [], "rule": "a rule"},
        "memorization": copied,
    }
    if entry.model == "vae":
        metrics |= {"test": {**test, "kl": interval(24.1, 0.4)}, "active_units": 14, "latent": 16}
    with files.folder(out / "evaluation") as fresh:
        files.write_json(fresh / "metrics.json", metrics)
        (fresh / "closest.png").write_bytes(sheet(8, 2, 56))
        (fresh / "samples.png").write_bytes(sheet(8, 8, 56))
        (fresh / "reconstructions.png").write_bytes(sheet(10, 2, 56))
        (fresh / "interpolation.png").write_bytes(sheet(10, 6, 56))
        (fresh / "curves.png").write_bytes(plot(7, 3))
        files.write_json(fresh / files.TIMING, {"seconds": 1.2, "ms_per_sample": 0.21})


def write_examples(
    out: Path,
    frame: pd.DataFrame,
    classes: Sequence[str],
    images: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> None:
    """Write the images of a detector's evaluation, one per row of `frame`: digits, or the given ones (N, H, W, C)."""
    if images is None:
        images = (load_digits().images[: len(frame), :, :, None] * 15.9).astype(np.uint8)
    ids = [f"test/{classes[row.label]}/{row.id:04d}.png" for row in frame.itertuples()]
    table = pd.DataFrame({"id": ids, "label": frame["label"], "mask": -1 if masks is None else np.arange(len(frame))})
    store = Store("fake", tuple(classes), images, table, masks)
    rows = np.arange(len(frame))
    anomalous, scores = (frame[column].to_numpy() for column in ("anomalous", "score"))
    tested = examples.ScoredTest(store, rows, anomalous, scores, 1.5)
    top, normal = examples.TopMaps(len(frame)), examples.TopMaps(0)
    top.add(scores, images.mean(3).astype(np.float32))
    normal.add(scores[:9], images[:9].mean(3).astype(np.float32))
    strips: dict[examples.Kind, list[examples.ScoredImage]] = {
        kind: [tested.example(place, images[place].mean(2).astype(np.float32)) for place in tested.strip(kind)]
        for kind in ("highest", "misses", "false_alarms")
    }
    examples.save_examples(out, tested, top, strips, examples.color_scale(normal, top))


def write_detector(out: Path, entry: DetectorEntry, classes: Sequence[str], items: int) -> None:
    number = classes.index(entry.normal[0])
    generator = np.random.default_rng([entry.seed, len(entry.detector), *[number] * (number > 0)])
    anomalous = np.arange(items) % len(classes) != number
    scores = (
        1
        + 0.3 * generator.normal(size=items)
        + anomalous * (1 - entry.contamination) * (1.1 if entry.detector.startswith("pca") else 0.9)
    )
    frame = pd.DataFrame({"id": np.arange(items), "label": np.arange(items) % len(classes), "anomalous": anomalous})
    frame = frame.assign(split="test", score=scores, flagged=scores > 1.5)
    value = float((scores[anomalous][:, None] > scores[~anomalous]).mean())
    image = {m: share(value, 500) for m in ("auroc", "average_precision", "detection_rate", "f1")}
    by_class = {
        name: {
            **{m: share(value - 0.004 * i, 100) for m in ("auroc", "average_precision", "detection_rate", "f1")},
            **{"items": 50, "flagged": 46 - i, "fpr95": share(0.08, 100)},
        }
        for i, name in enumerate(classes)
        if name not in entry.normal
    }
    size = int(entry.detector.partition("_")[2] or 32)
    write_model(out / "model", {"name": entry.detector, "components": size}, classes, None)
    with files.folder(out / "evaluation") as fresh:
        (fresh / "originals.png").write_bytes(sheet(13, 1, 64))
        (fresh / "reconstructions.png").write_bytes(sheet(13, 1, 64))
        metrics: dict[str, Any] = {"normal": list(entry.normal), "n_normal": 50, "n_anomalous": items - 50}
        metrics |= {"threshold": 0.01822, "threshold_rule": "the 95 % quantile of the validation normals' scores"}
        metrics |= {"threshold_kind": "quantile", "false_alarms_asked": 0.05}
        metrics["image"] = {**image, "fpr95": share(0.08, 50), "false_alarm_rate": share(0.06, 50)}
        error = {"value": None, "reason": "the detector reconstructs no image"}
        if not entry.detector.startswith("mahalanobis"):
            error = share(0.08 / size, 200)
        metrics |= {"reconstruction": {"mse": error}}
        metrics |= {"by_class": by_class, "pixel": {"value": None, "reason": "no masks in the data set"}}
        files.write_json(fresh / "metrics.json", metrics)
        frame.to_parquet(fresh / "scores.parquet")
        write_examples(fresh, frame[::7].reset_index(drop=True), classes)
        (fresh / "histogram.png").write_bytes(plot())
        (fresh / "roc.png").write_bytes(plot(5, 5))
        files.write_json(fresh / files.TIMING, {"seconds": 0.4, "ms_per_image": 0.11})
