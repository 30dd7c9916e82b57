"""The job `audit measure`: measure each transform of a policy on each class, label or number; suggest a policy."""

from __future__ import annotations

import csv
import functools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.audit import cue, evidence, examples, suggest
from darkroom.audit.aspects import Aspect, Own, aspects
from darkroom.audit.cells import cell, limit, measured
from darkroom.audit.config import MeasureSpec
from darkroom.audit.evidence import Part, Subject
from darkroom.audit.figures import draw_heatmap
from darkroom.audit.folds import HELD_OUT, fingerprint, folds
from darkroom.audit.judge import FoldJudge, Real, watched
from darkroom.audit.relearn import HELD_OUT_FOLD, Relearning
from darkroom.audit.steps import Setting, Step, steps, whole
from darkroom.augment.classes import PerClass, class_counts, resolve
from darkroom.augment.copies import Copier, CopyMaker
from darkroom.data.store import Store, open_store
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.randomness import derive
from darkroom.settings import Section

REAL = 200
"""Maximum number of real reference images per class, label or number, and fold."""
NUMBERS = ("clean", "kept", "loss", "turned", "relearned", "realism", "spread", "surprise", "shift", "slope", "skill")
Rows = NDArray[np.int64]


def run(spec: MeasureSpec, *, data: Path, models: Path, weights: Path | None = None, out: Path, log: Log) -> None:
    """Audit a policy on the training images of the store at `data`, judged by the classifiers `models`/fold-F.

    Raises FileNotFoundError if one of them is missing.
    """
    torch.set_num_threads(1)  # sums depend on the number of threads
    started = time.monotonic()
    spec, store = pretrained.localized(spec, weights), open_store(data)
    rows, fold = folds(store, spec)
    order = np.argsort([derive(spec.seed, "judged", item) for item in store.items["id"].iloc[rows]], kind="stable")
    rows, fold = rows[order], fold[order]
    asked = aspects(store)
    judges = [_judge(models / f"fold-{number}", store, rows[fold == number], asked) for number in range(spec.folds)]
    subjects = evidence.bounded([_subject(store, rows, fold, aspect, judges, spec.images) for aspect in asked])
    settings = resolve(
        copies=spec.policy.copies,
        own=spec.policy.classes,
        balance=spec.policy.balance,
        classes=store.classes,
        counts=class_counts(store.labels[store.rows("train")], len(store.classes)),
    )
    maker: CopyMaker = registry.build(spec.maker)

    def copying(transforms: Sequence[Section], seed: int) -> Copier:
        return maker.copier(transforms, store, data=data, seed=seed)

    setting = Setting(spec, asked, copying)
    relearning = Relearning(setting, store, rows, fold, judges[HELD_OUT_FOLD].own)
    result = _audited(setting, store, subjects, settings, relearning)
    result["cues"] = _cues(setting, store, rows, fold, result) if store.target.kind == "class" else {}
    lines = examples.choose(result, subjects, settings, setting)
    result["examples"] = sum(len(line.examples) for line in lines)
    with files.folder(out) as fresh:
        if store.kind == "text":
            from darkroom.audit import text_examples  # loads the tokenizers

            result["negations"] = text_examples.measure_negations(setting, store, subjects, result)
            text_examples.write(fresh, lines, store, setting, data=data)
        else:
            examples.write(fresh, lines, store)
        files.write_json(fresh / "audit.json", result)
        _write_table(fresh / "audit.csv", result)
        (fresh / "policy.yaml").write_text(suggest.text(spec.name, result["suggested"]), encoding="utf-8")
        draw_heatmap(result, fresh / "heatmap.png")
        files.write_json(fresh / files.TIMING, {"seconds": time.monotonic() - started})
    log(_metrics(result))


def _judge(folder: Path, store: Store, rows: Rows, asked: Sequence[Aspect]) -> FoldJudge:
    """Return a fold's model with that fold's images as reference. Raises ValueError if it was trained on them."""
    about = read_about(folder)
    if files.read_json(folder / HELD_OUT) != fingerprint(store, rows):
        raise ValueError(f"{folder} was trained on a different split than this audit uses; retrain it")
    network = rebuild("network", folder, about.shape, len(about.target.names))
    look = watched(network)
    targets, every = store.targets, store.items["group"].to_numpy(dtype=np.int64)
    some = [rows[aspect.asks(targets[rows])][:REAL] for aspect in asked]
    chosen = np.array([*dict.fromkeys(np.concatenate(some).tolist())], np.int64)
    features = predict(lambda images: torch.from_numpy(look(images)[1]), store.samples, chosen)
    real = Real(features, every[chosen], targets[chosen])
    if store.target.kind != "numbers":
        return FoldJudge(look, real)
    predicted = predict(lambda images: torch.from_numpy(look(images)[0]), store.samples, rows)
    return FoldJudge(look, real, Own.of(predicted.astype(np.float64) - targets[rows]))


def _subject(store: Store, rows: Rows, fold: Rows, aspect: Aspect, judges: Sequence[FoldJudge], most: int) -> Subject:
    """Return the first `most` images of an aspect, each with the judge that did not train on it."""
    targets = store.targets
    chosen = np.flatnonzero(aspect.asks(targets[rows]))[:most]
    parts = []
    for number, judge in enumerate(judges):
        own = rows[chosen[fold[chosen] == number]]
        items = store.items.iloc[own]
        groups = items["group"].to_numpy(dtype=np.int64)
        parts.append(Part(judge, store.samples[own], items["id"].tolist(), groups, targets[own]))
    return evidence.subject(aspect, parts)


def _audited(
    setting: Setting, store: Store, subjects: Sequence[Subject], settings: PerClass, relearning: Relearning
) -> dict[str, Any]:
    """Return the contents of audit.json."""
    spec = setting.spec
    listed = steps(spec.policy)
    cells: dict[str, dict[str, Any]] = {}
    for step in listed:
        if step.judged:
            own = {found.aspect.name: _strength(settings, found.aspect.label, step.name) for found in subjects}
            strongest = max(strength * factor for strength, factor in own.values())

            relearned = functools.partial(relearning.learned, step, strongest)
            cells[step.key] = {
                found.aspect.name: cell(found, step, *own[found.aspect.name], setting, relearned) for found in subjects
            }
    together = {}
    for found in subjects:
        strengths = [settings.strength(found.aspect.label, step.name) for step in listed]
        change = whole(spec.policy, strengths, setting.copying, seed=spec.seed)
        entry = measured(found, change, setting, key="whole") if found.images else {"numbers": {}, "turned_into": []}
        together[found.aspect.name] = {"images": found.images, **entry}
    limits = {key: {name: limit(entry) for name, entry in row.items()} for key, row in cells.items()}
    return {
        "policy": spec.name,
        "target": store.target.kind,
        "classes": [aspect.name for aspect in setting.aspects],
        "of": {aspect.name: aspect.of for aspect in setting.aspects},
        "tolerance": spec.tolerance,
        "folds": spec.folds,
        "draws": spec.draws,
        "steps": [_described(step, listed) for step in listed],
        "cells": cells,
        "whole": together,
        "suggested": suggest.suggest(spec.policy, store.classes, limits)
        if store.classes
        else suggest.for_all(spec.policy, {key: min(row.values()) for key, row in limits.items()}),
    }


def _cues(setting: Setting, store: Store, rows: Rows, fold: Rows, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return, for each transform that some classes go without, how visible its traces are at its largest strength."""
    found = {}
    for step in steps(setting.spec.policy):
        row = result["cells"].get(step.key, {})
        own = {name: entry["strength"] for name, entry in row.items()}
        known = cue.partial(own, {name: limit(entry) for name, entry in row.items()})
        if known is not None:
            accuracy = cue.measure(setting.spec, store, setting.copying, rows, fold, step, max(own.values()))
            found[step.key] = {**known, "accuracy": accuracy}
    return found


def _strength(settings: PerClass, label: int, name: str) -> tuple[float, float]:
    """Return the policy's strength of a transform for a class, and the factor from balancing."""
    factor = float(settings.factors[label])
    return settings.strength(label, name) / factor, factor


def _described(step: Step, listed: Sequence[Step]) -> dict[str, Any]:
    twice = sum(other.name == step.name for other in listed) > 1
    return {
        "key": step.key,
        "title": f"{step.name} ({step.part} {step.place + 1})" if twice else step.name,
        "name": step.name,
        "part": step.part,
        "options": step.options.model_dump(mode="json", exclude={"name"}),
        "binary": step.binary,
        "judged": step.judged,
    }


def _write_table(path: Path, result: Mapping[str, Any]) -> None:
    """Write one row per transform and class, with all measurements and their intervals."""
    columns = [f"{name}{end}" for name in NUMBERS for end in ("", "_low", "_high")]
    head = ["transform", "part", "class", "strength", "verdict", "note", "reason", "weaken_to", "images", "turned_into"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*head, *columns])
        for step in result["steps"]:
            for name, entry in result["cells"].get(step["key"], {}).items():
                into = ", ".join(f"{turned['class']} {turned['share']:.3f}" for turned in entry.get("turned_into", []))
                line = [step["title"], step["part"], name, entry["strength"], entry["verdict"], entry["note"]]
                line += [entry["reason"], entry.get("weaken_to", ""), entry["images"], into]
                for number in NUMBERS:
                    interval = entry["numbers"].get(number, {})
                    line += [interval.get(end, "") for end in ("value", "low", "high")]
                writer.writerow(["" if value is None else value for value in line])


def _metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the number of verdicts of each kind, and each transform's means over classes."""
    found: dict[str, float] = {}
    every = [entry for row in result["cells"].values() for entry in row.values()]
    for verdict in ("keep", "weaken", "drop", "unknown"):
        found[f"audit/{verdict}"] = float(sum(entry["verdict"] == verdict for entry in every))
    for step in result["steps"]:
        for number in ("kept", "realism", "spread"):
            values = [
                entry["numbers"].get(number, {}).get("value") for entry in result["cells"].get(step["key"], {}).values()
            ]
            if known := [value for value in values if value is not None]:
                found[f"audit/{step['title']}/{number}"] = float(np.mean(known))
    return found
