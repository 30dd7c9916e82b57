"""Audit one transform on one aspect: measure it, reach a verdict, and find a weaker strength that preserves the label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from darkroom.audit import evidence, verdict
from darkroom.audit.evidence import Subject
from darkroom.audit.relearn import Relearned
from darkroom.audit.steps import Change, Setting, Step, alone
from darkroom.measure.bootstrap import Interval
from darkroom.randomness import derive

OFF = "switched off for this class"
NOT_WEAKER = "it is all or nothing, so it cannot be weakened"
TOO_WEAK = "even a tenth of its strength does not preserve the label"


def cell(
    found: Subject, step: Step, own: float, factor: float, setting: Setting, relearned: Callable[[], Relearned]
) -> dict[str, Any]:
    """Return the verdict on a transform for one aspect, with all measurements.

    `own` is the policy's strength for its images, which balancing multiplies by `factor`; `relearned` trains a classifier
    with the transform and evaluates it. `verdict` is keep, weaken (`weaken_to` replaces `own`), drop, unknown or off.
    """
    spec = setting.spec
    entry: dict[str, Any] = {"strength": own, "images": found.images, "numbers": {}, "note": "", "reason": ""}
    if own * factor == 0:
        return {**entry, "verdict": "off", "reason": OFF}
    if not found.images:
        return {**entry, "verdict": "unknown", "reason": verdict.find({}, images=0, tolerance=0).reason}

    def change(strength: float) -> Change:
        return alone(step, strength * factor, setting.copying, seed=spec.seed)

    entry |= measured(found, change(own), setting, key=step.key)
    judged = verdict.find(entry["numbers"], images=found.images, tolerance=spec.tolerance)
    if judged.outcome == "lost":
        names = [aspect.name for aspect in setting.aspects]
        into = [names.index(str(other["class"])) for other in entry["turned_into"][:1]]
        opposite = found.aspect.opposite if found.aspect.opposite is not None else next(iter(into), None)
        again = relearned().rate(names.index(found.aspect.name), opposite)
        entry["numbers"]["relearned"] = again
        judged = verdict.learnable(entry["numbers"], again, tolerance=spec.tolerance) or judged
    entry |= {"note": judged.note, "reason": judged.reason}
    if judged.outcome != "lost":
        return {**entry, "verdict": "keep" if judged.outcome == "kept" else "unknown"}
    if step.binary:
        return {**entry, "verdict": "drop", "reason": NOT_WEAKER}
    clean: float = entry["numbers"]["clean"]["value"]

    def loss(strength: float) -> float:
        return clean - evidence.kept(found, change(strength), draws=spec.draws)

    strength = verdict.weaker(loss, own, spec.tolerance)
    if strength is None:
        return {**entry, "verdict": "drop", "reason": TOO_WEAK}
    weaker = measured(found, change(strength), setting, key=step.key)
    return {**entry, "verdict": "weaken", "weaken_to": strength, "weaker": weaker["numbers"]}


def measured(found: Subject, change: Change, setting: Setting, *, key: str) -> dict[str, Any]:
    """Return all measurements of a change with their intervals, and what the images turn into."""
    spec = setting.spec
    seen = evidence.changed(found, change, draws=spec.draws)
    draws = np.random.default_rng(derive(spec.seed, "resample", key, found.aspect.name))
    numbers: Mapping[str, Interval] = evidence.numbers(found, seen, resamples=spec.resamples, generator=draws)
    return {"numbers": dict(numbers), "turned_into": evidence.turned_into(found, seen)}


def limit(entry: Mapping[str, Any]) -> float:
    """Return the largest strength that a verdict allows."""
    if entry["verdict"] == "drop":
        return 0.0
    return float(entry.get("weaken_to", entry["strength"]))
