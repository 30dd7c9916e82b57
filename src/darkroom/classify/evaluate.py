"""The job `classify evaluate`: a trained classifier on the test split, plain and with test-time augmentation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import files, registry
from darkroom.classify.calibration import fit_temperature, log_softmax
from darkroom.classify.config import EvaluateSpec
from darkroom.classify.figures import draw_confusion, draw_curves, draw_reliability
from darkroom.classify.metrics import SCORES, confusion, scores
from darkroom.data.store import Store, labelled, needed, open_store
from darkroom.fit.model import HISTORY, predict, read_about, rebuild
from darkroom.log import Log
from darkroom.measure.bootstrap import intervals
from darkroom.randomness import derive

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
NO_ITEM = "the test split has no image of this class"


def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log) -> None:
    """Score the model in `model` on the test split; the temperature comes from the validation split alone.

    Raises ValueError when the test split has no labelled image.
    """
    torch.set_num_threads(1)  # sums depend on their number
    store = open_store(data)
    about = read_about(model)
    network = rebuild("network", model, about.shape, len(about.classes))
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    test, val = needed(store, "test"), labelled(store, "val")
    views = [registry.build(view) for view in spec.tta]
    looks: dict[str, Callable[[Tensor], Tensor]] = {"plain": lambda images: plain_logits(network, images)}
    if views:
        looks["tta"] = lambda images: tta_logits(network, views, images)
    answers, seconds = {}, {}
    for name, look in looks.items():
        started = time.monotonic()
        logits = predict(look, store.images, test).astype(np.float64)
        seconds[name] = (time.monotonic() - started) / len(test) * 1000
        held_out = predict(look, store.images, val).astype(np.float64) if len(val) else np.empty((0, logits.shape[1]))
        temperature = fit_temperature(held_out, store.labels[val])
        answers[name] = Answer(logits, temperature)
    labels = store.labels[test]
    result = _measured(answers, labels, store, spec)
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", result)
        _predictions(answers, store, test).to_parquet(fresh / "predictions.parquet", index=False)
        shown = answers["plain"]
        draw_confusion(confusion(shown.predicted, labels, len(store.classes)), store.classes, fresh / "confusion.png")
        draw_reliability(shown.raw, shown.calibrated, labels, shown.temperature, fresh / "reliability.png")
        draw_curves(pd.read_csv(model / HISTORY), fresh / "curves.png")
        files.write_json(
            fresh / files.TIMING, {"seconds": sum(seconds.values()) * len(test) / 1000, "ms_per_image": seconds}
        )
    log(_flat(result))


class Answer:
    """What a classifier says of every test image: logits (N, K), and the temperature that calibrates them."""

    def __init__(self, logits: Floats, temperature: float) -> None:
        self.temperature = temperature
        self.raw: Floats = np.exp(log_softmax(logits))
        self.calibrated: Floats = np.exp(log_softmax(logits / temperature))
        self.predicted: Labels = logits.argmax(1)


@torch.inference_mode()
def plain_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (B, K) of images (B, C, H, W) in [0, 1]."""
    logits: Tensor = network(images).float()
    return logits


def tta_logits(network: nn.Module, views: list[Any], images: Tensor) -> Tensor:
    """The logarithm (B, K) of the mean probability over the plain image and its views."""
    looks = [images, *(view for make in views for view in make(images))]
    probabilities = torch.stack([plain_logits(network, look).softmax(1) for look in looks]).mean(0)
    return probabilities.clamp_min(1e-12).log()


def _measured(answers: dict[str, Answer], labels: Labels, store: Store, spec: EvaluateSpec) -> dict[str, Any]:
    """The content of metrics.json."""
    result: dict[str, Any] = {"items": len(labels), "views": {}, "per_class": {}, "temperature": {}, "confusion": {}}
    support = np.bincount(labels, minlength=len(store.classes))
    for name, answer in answers.items():
        found = {
            kind: intervals(
                lambda weights, p=probabilities: scores(weights, p, labels),  # type: ignore[misc]
                len(labels),
                resamples=spec.resamples,
                generator=np.random.default_rng(derive(spec.seed, "bootstrap")),
            )
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
        result["confusion"][name] = confusion(answer.predicted, labels, len(store.classes)).tolist()
    if "tta" in answers:
        before, after = answers["plain"].predicted == labels, answers["tta"].predicted == labels
        turned = {"fixed": int((after & ~before).sum()), "broken": int((before & ~after).sum())}
        result["tta"] = {**turned, "views": [view.model_dump()["name"] for view in spec.tta]}
    return result


def _predictions(answers: dict[str, Answer], store: Store, rows: Labels) -> pd.DataFrame:
    """A row an image: its label, and what each view says with which calibrated probabilities."""
    columns: dict[str, Any] = {"id": store.items["id"].to_numpy()[rows], "label": store.labels[rows]}
    for name, answer in answers.items():
        columns[f"prediction_{name}"] = answer.predicted
        columns[f"confidence_{name}"] = answer.calibrated.max(1)
    for name, answer in answers.items():
        columns |= {f"p_{name}_{k}": answer.calibrated[:, k] for k in range(len(store.classes))}
    return pd.DataFrame(columns)


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """The numbers as metrics: `test/accuracy`, `test/tta/ece_calibrated`, `test/per_class/6/recall`."""
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
