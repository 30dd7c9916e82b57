"""Measure predictions of several labels per image.

Of the two kinds of numbers in metrics.json, `raw` are the network's probabilities with a threshold of 0.5, and `calibrated`
the probabilities after Platt scaling with the thresholds chosen on the validation images.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from darkroom.classify.evaluation import groups, platt, thresholds
from darkroom.classify.evaluation import label_metrics as metrics
from darkroom.classify.evaluation.label_figures import draw_labels, draw_precision_recall
from darkroom.classify.evaluation.outputs import NO_VALIDATION, Evaluation, Outputs
from darkroom.classify.tta import fit_weights, merge_labels, pairs
from darkroom.randomness import derive

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
PARTS = ("average_precision", "auroc", "precision", "recall", "f1", "ece")
"""What is measured of each label."""


class Answer:
    """Predictions from the logits (N, K) of the validation and the test images."""

    def __init__(self, held_out: Floats, logits: Floats, true: Flags, seed: int) -> None:
        self.scaling = [
            platt.calibrate(
                held_out[:, k], true[:, k], generator=np.random.default_rng([derive(seed, "calibration"), k])
            )
            for k in range(true.shape[1])
        ]
        self.thresholds = thresholds.choose_all(true, special.expit(self._scaled(held_out)))
        self.raw: Floats = special.expit(logits)
        self.calibrated: Floats = special.expit(self._scaled(logits))
        self.predicted: Flags = self.calibrated >= self.thresholds

    def _scaled(self, logits: Floats) -> Floats:
        return np.stack([one.logits(logits[:, k]) for k, one in enumerate(self.scaling)], 1)


def evaluate(outputs: Outputs) -> Evaluation:
    """Measure ranking, decisions and calibration of each label, with and without TTA."""
    truth, true = (outputs.store.targets[rows] > 0.5 for rows in (outputs.test, outputs.val))
    held_out, plain = outputs.held_out.astype(np.float64), outputs.plain.astype(np.float64)
    answers = {"plain": Answer(held_out[:, 0], plain, true, outputs.seed)}
    weights = None
    if outputs.looks is not None:
        if outputs.merge == "learned":
            weights = fit_weights(pairs(held_out), true.ravel().astype(np.int64))
        fitted, measured = (merge_labels(logits, outputs.merge, weights) for logits in (held_out, outputs.looks))
        answers["tta"] = Answer(fitted, measured, true, outputs.seed)
    result = _measured(answers, truth, true, outputs)
    if weights is not None:
        result["tta"]["weights"] = dict(zip(outputs.names, weights.tolist(), strict=True))
        result["tta"] |= {} if len(true) else {"note": NO_VALIDATION}
    names, shown = outputs.store.target.names, answers["plain"]

    def draw(folder: Path) -> None:
        draw_labels(result["per_label"]["plain"], folder / "labels.png")
        draw_precision_recall(truth, shown.calibrated, shown.predicted, names, folder / "precision_recall.png")

    return Evaluation(result, _predictions(answers, truth, outputs), _flat(result), draw)


def _measured(answers: dict[str, Answer], truth: Flags, true: Flags, outputs: Outputs) -> dict[str, Any]:
    """Return the contents of metrics.json."""
    names = outputs.store.target.names
    result: dict[str, Any] = {"items": len(truth), "labels_per_image": float(truth.sum(1).mean()), "views": {}}
    result["per_label"] = {}

    errors = ["ece", *(f"ece/{k}" for k in range(len(names)))]

    measured = partial(outputs.intervals, reason=metrics.ONE_KIND)
    for view, answer in answers.items():
        # Platt scaling keeps the order of a label's probabilities
        ranked = measured(partial(metrics.ranking, probabilities=answer.raw, truth=truth))
        ranked |= metrics.perfect_ranking(ranked, truth)
        both = {
            "raw": (answer.raw, answer.raw >= thresholds.DEFAULT),
            "calibrated": (answer.calibrated, answer.predicted),
        }
        found = {
            kind: {
                **ranked,
                **measured(partial(metrics.decisions, called=called, truth=truth)),
                **measured(partial(metrics.likelihood, probabilities=probabilities, truth=truth), biased=errors),
                **metrics.shares(called, truth),
            }
            for kind, (probabilities, called) in both.items()
        }
        overall = (*metrics.RANKED, *metrics.COUNTED, "exact_match", *metrics.PROBABLE)
        result["views"][view] = {kind: {name: values[name] for name in overall} for kind, values in found.items()}
        result["per_label"][view] = {
            name: {
                **{part: found["calibrated"][f"{part}/{k}"] for part in PARTS},
                **{f"{part}_raw": found["raw"][f"{part}/{k}"] for part in ("f1", "ece")},
                "threshold": float(answer.thresholds[k]),
                "support": int(truth[:, k].sum()),
                "validation_positives": int(true[:, k].sum()),
                "calibration": asdict(answer.scaling[k]),
            }
            for k, name in enumerate(names)
        }
    called = answers["plain"].predicted
    if found := groups.measured(outputs, lambda own: partial(_micro_f1, called=called[own], truth=truth[own])):
        result["by_group"] = found
    if "tta" in answers:
        right = {view: answer.predicted == truth for view, answer in answers.items()}
        fixed, broken = right["tta"] & ~right["plain"], right["plain"] & ~right["tta"]
        result["tta"] = {"fixed": int(fixed.sum()), "broken": int(broken.sum()), "merge": outputs.merge}
    return result


def _micro_f1(weights: Floats, called: Flags, truth: Flags) -> dict[str, Floats]:
    return {"micro_f1": metrics.decisions(weights, called, truth)["micro_f1"]}


def _predictions(answers: dict[str, Answer], truth: Flags, outputs: Outputs) -> pd.DataFrame:
    """Tabulate one row per image: for each label, whether it is there, and each view's calibrated probability and answer."""
    columns: dict[str, Any] = {"id": outputs.store.items["id"].to_numpy()[outputs.test]}
    columns |= {f"true_{k}": truth[:, k] for k in range(truth.shape[1])}
    for view, answer in answers.items():
        columns |= {f"prediction_{view}_{k}": answer.predicted[:, k] for k in range(truth.shape[1])}
    for view, answer in answers.items():
        columns |= {f"p_{view}_{k}": answer.calibrated[:, k] for k in range(truth.shape[1])}
    return pd.DataFrame(columns)


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """Name the numbers as metrics: `test/map`, `test/micro_f1_calibrated`, `test/tta/nll`, `test/per_label/cat/f1`."""
    flat: dict[str, float] = {}
    for view, kinds in result["views"].items():
        prefix = "test" if view == "plain" else f"test/{view}"
        for kind, values in kinds.items():
            suffix = "" if kind == "raw" else "_calibrated"
            changed = {name: found for name, found in values.items() if kind == "raw" or name not in metrics.RANKED}
            flat |= {f"{prefix}/{name}{suffix}": found["value"] for name, found in changed.items()}
    for label, parts in result["per_label"]["plain"].items():
        flat |= {f"test/per_label/{label}/{name}": parts[name]["value"] for name in PARTS}
        flat[f"test/per_label/{label}/threshold"] = parts["threshold"]
    if "tta" in result:
        flat |= {f"test/tta/{name}": result["tta"][name] for name in ("fixed", "broken")}
    return {name: value for name, value in flat.items() if value is not None}
