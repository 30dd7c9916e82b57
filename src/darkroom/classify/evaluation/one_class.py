"""Measure predictions of one class per image."""

from __future__ import annotations

import csv
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.classify.calibration import Calibration, calibrate, log_softmax
from darkroom.classify.evaluation import doubt, rare
from darkroom.classify.evaluation.doubt import NO_ITEM
from darkroom.classify.evaluation.groups import by_group
from darkroom.classify.evaluation.outputs import NO_VALIDATION, Evaluation, Outputs
from darkroom.classify.figures import draw_confusion, draw_reliability, draw_risk, draw_turned
from darkroom.classify.links import class_logits
from darkroom.classify.metrics import SCORES, confusion, scores, share_intervals
from darkroom.classify.tta import fit_weights, merge, turned
from darkroom.measure.bootstrap import Interval
from darkroom.measure.proportion import perfect_macro_auroc
from darkroom.randomness import derive

VALIDATED = "validation.parquet"
"""The predictions for the validation images, by which the report compares classifiers that it chooses from."""
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


class Answer:
    """A classifier's predictions from the logits (N, K) of the validation and the test images."""

    def __init__(self, held_out: Floats, logits: Floats, calibration: Calibration) -> None:
        self.calibration, self.temperature = calibration, calibration.temperature
        self.raw: Floats = np.exp(log_softmax(logits))
        self.calibrated: Floats = np.exp(log_softmax(logits / self.temperature))
        self.predicted: Labels = logits.argmax(1)
        self.held_out_raw: Floats = np.exp(log_softmax(held_out))
        self.held_out: Floats = np.exp(log_softmax(held_out / self.temperature))


def evaluate(outputs: Outputs) -> Evaluation:
    """Measure accuracy, ranking, calibration, prediction sets and selective prediction, with and without TTA."""
    store, val, test = outputs.store, outputs.val, outputs.test
    labels, held_out = store.labels[test], class_logits(outputs.held_out, outputs.link)

    def answer(held_out: Floats, logits: Floats) -> Answer:
        draws = np.random.default_rng(derive(outputs.seed, "calibration"))
        return Answer(held_out, logits, calibrate(held_out, store.labels[val], generator=draws))

    answers = {"plain": answer(held_out[:, 0], class_logits(outputs.plain, outputs.link))}
    weights = None
    if outputs.looks is not None:
        if outputs.merge == "learned":
            weights = fit_weights(held_out, store.labels[val])
        merged = merge(class_logits(outputs.looks, outputs.link), outputs.merge, weights)
        answers["tta"] = answer(merge(held_out, outputs.merge, weights), merged)
    result = _measured(answers, outputs)
    if outputs.looks is not None:
        result["tta"] |= {"merge": outputs.merge}
        if weights is not None:
            result["tta"]["weights"] = dict(zip(outputs.names, weights.tolist(), strict=True))
            result["tta"] |= {} if len(val) else {"note": NO_VALIDATION}
    predictions = _predictions(answers, outputs)

    def draw(folder: Path) -> None:
        shown = answers["plain"]
        draw_confusion(confusion(shown.predicted, labels, len(store.classes)), store.classes, folder / "confusion.png")
        draw_reliability(shown.raw, shown.calibrated, labels, shown.temperature, folder / "reliability.png")
        draw_risk(shown.calibrated.max(1), shown.predicted != labels, folder / "risk.png")
        if len(val):
            _validated(shown, outputs).to_parquet(folder / VALIDATED, index=False)
        if "tta" in answers:
            found = turned(predictions, store.classes)
            # quote all text, since names may contain commas, quotes and line breaks
            found.to_csv(folder / "tta.csv", index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
            if len(found) and store.kind == "image":
                draw_turned(found, store.samples, test, folder / "tta.png")

    return Evaluation(result, predictions, _flat(result), draw)


def _measured(answers: dict[str, Answer], outputs: Outputs) -> dict[str, Any]:
    """Return the contents of metrics.json."""
    store, labels = outputs.store, outputs.store.labels[outputs.test]
    result: dict[str, Any] = {"items": len(labels), "views": {}, "per_class": {}, "temperature": {}, "calibration": {}}
    result |= {"confusion": {}, "conformal": {}, "risk_coverage": {}}
    support = np.bincount(labels, minlength=len(store.classes))
    for name, answer in answers.items():
        counts = confusion(answer.predicted, labels, len(store.classes))
        shares = share_intervals(counts)
        found = {
            kind: _intervals(probabilities, labels, support, outputs) | shares
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
        if name == "plain":
            ranked = outputs.intervals(partial(rare.ranking, probabilities=answer.raw, labels=labels))
            for k, parts in enumerate(result["per_class"][name].values()):
                parts |= {part: ranked[f"{part}/{k}"] for part in rare.RANKED if support[k]}
        result["temperature"][name] = answer.temperature
        result["calibration"][name] = asdict(answer.calibration)
        result["confusion"][name] = counts.tolist()
        true = store.labels[outputs.val]
        how: doubt.Resampling = {
            "resamples": outputs.resamples,
            "generator": np.random.default_rng(derive(outputs.seed, "doubt")),
        }
        result["conformal"][name] = doubt.sets(answer.held_out_raw, true, answer.raw, labels, store.classes, **how)
        # the probabilities that users of the model see
        result["risk_coverage"][name] = doubt.selection(answer.held_out, true, answer.calibrated, labels, **how)
    if outputs.costs is not None:
        shown = answers["plain"]
        result["costs"] = rare.priced(outputs, outputs.costs, shown.raw, shown.calibrated, shown.held_out)
    if groups := by_group(store, outputs.test, answers["plain"].predicted, labels):
        result["by_group"] = groups
    if "tta" in answers:
        before, after = answers["plain"].predicted == labels, answers["tta"].predicted == labels
        result["tta"] = {"fixed": int((after & ~before).sum()), "broken": int((before & ~after).sum())}
    return result


def _intervals(probabilities: Floats, labels: Labels, support: Labels, outputs: Outputs) -> dict[str, Interval]:
    """Return the bootstrap intervals of `scores`, and a score interval for a macro AUROC of 0 or 1."""
    found = outputs.intervals(partial(scores, probabilities=probabilities, labels=labels), biased=("ece",))
    if (macro := found["macro_auroc"]["value"]) in (0, 1):
        found["macro_auroc"] = perfect_macro_auroc(macro, support.tolist(), len(labels))
    return found


def _predictions(answers: dict[str, Answer], outputs: Outputs) -> pd.DataFrame:
    """Tabulate one row per image: its label, and each view's prediction and calibrated probabilities."""
    store, rows = outputs.store, outputs.test
    columns: dict[str, Any] = {"id": store.items["id"].to_numpy()[rows], "label": store.labels[rows]}
    for name, answer in answers.items():
        columns[f"prediction_{name}"] = answer.predicted
        columns[f"confidence_{name}"] = answer.calibrated.max(1)
    for name, answer in answers.items():
        columns |= {f"p_{name}_{k}": answer.calibrated[:, k] for k in range(len(store.classes))}
    return pd.DataFrame(columns)


def _validated(answer: Answer, outputs: Outputs) -> pd.DataFrame:
    """Tabulate one row per validation image: its label and the prediction for the plain image."""
    store, rows = outputs.store, outputs.val
    predicted = answer.held_out_raw.argmax(1)
    return pd.DataFrame(
        {"id": store.items["id"].to_numpy()[rows], "label": store.labels[rows], "prediction_plain": predicted}
    )


def _flat(result: dict[str, Any]) -> dict[str, float]:
    """Name the numbers as metrics: `test/accuracy`, `test/tta/ece_calibrated`, `test/per_class/6/recall`."""
    flat: dict[str, float] = {}
    for view, kinds in result["views"].items():
        prefix = "test" if view == "plain" else f"test/{view}"
        for kind, values in kinds.items():
            suffix = "" if kind == "raw" else "_calibrated"
            flat |= {f"{prefix}/{name}{suffix}": found["value"] for name, found in values.items()}
        flat[f"{prefix}/temperature"] = result["temperature"][view]
        sets, selection = result["conformal"][view], result["risk_coverage"][view]
        flat |= {f"{prefix}/conformal/{name}": sets[name]["value"] for name in ("coverage", "size")}
        flat[f"{prefix}/aurc"] = selection["aurc"]["value"]
        for risk, each in selection["thresholds"].items():
            name = f"{prefix}/errors_below_{100 * float(risk):g}_percent"
            flat |= {f"{name}/{part}": each[part]["value"] for part in ("confidence", "coverage", "errors")}
    for label, parts in result["per_class"]["plain"].items():
        known = ("precision", "recall", "f1", *rare.RANKED)
        flat |= {f"test/per_class/{label}/{name}": parts[name]["value"] for name in known if name in parts}
    if "costs" in result:
        ways = ("most_probable", "cheapest", "validated")
        flat |= {f"test/cost/{way}": result["costs"][way]["value"] for way in ways if way in result["costs"]}
    if "tta" in result:
        flat |= {f"test/tta/{name}": result["tta"][name] for name in ("fixed", "broken")}
    return {name: value for name, value in flat.items() if value is not None}
