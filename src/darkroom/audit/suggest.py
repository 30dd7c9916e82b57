"""Suggest a policy from the verdicts: weaken or switch off what loses labels, per class if there are classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from darkroom.audit.steps import steps
from darkroom.augment.config import Policy
from darkroom.augment.strength import scaled
from darkroom.settings import Section


def suggest(policy: Policy, classes: Sequence[str], limits: Mapping[str, Mapping[str, float]]) -> dict[str, Any] | None:
    """Return the policy as written in a config; `limits` maps a transform's key, then a class, to the largest strength.

    Leaves out transforms with limit 0 in every class. A class has one strength per transform name, so the smallest limit
    applies. Returns None if no transform remains.
    """
    gone = {key for key, limit in limits.items() if classes and all(limit.get(name) == 0 for name in classes)}
    left = [step for step in steps(policy) if step.key not in gone]
    if not left and policy.imbalance is None:
        return None
    offline = any(step.part == "offline" for step in left)
    made: dict[str, Any] = {}
    for key, value in policy.model_dump(mode="json", exclude_defaults=True).items():
        if key in ("offline", "online"):
            if listed := [_short(step.options) for step in left if step.part == key]:
                made[key] = listed
        elif key == "classes" or (key in ("copies", "balance") and not offline):
            continue
        elif key == "imbalance":
            made[key] = _short(policy.imbalance)  # type: ignore[arg-type]
        else:
            made[key] = value
    own = {name: _class(policy, name, left, limits, offline) for name in dict.fromkeys([*policy.classes, *classes])}
    if own := {name: given for name, given in own.items() if given}:
        made["classes"] = own
    return made


def for_all(policy: Policy, limits: Mapping[str, float]) -> dict[str, Any] | None:
    """Return the policy as written in a config for images without classes; `limits` maps a transform's key to its strength.

    Leaves out transforms with limit 0. Returns None if no transform remains.
    """
    made = policy.model_dump(mode="json", exclude_defaults=True)
    for part in ("offline", "online"):
        listed = [(step, limits.get(step.key, 1.0)) for step in steps(policy) if step.part == part]
        weakened = [scaled(step.options, min(limit, 1.0)) for step, limit in listed]
        made[part] = [_short(options) for options in weakened if options is not None]
    if not made["offline"]:
        made.pop("copies", None)
    made = {key: value for key, value in made.items() if value != []}
    return made if {"offline", "online"} & made.keys() else None


def text(name: str, policy: Mapping[str, Any] | None) -> str:
    """Return the policy as YAML for a config file."""
    if policy is None:
        return f"# every transform of {name} loses labels: no transform remains\n"
    dumped: str = yaml.safe_dump(
        {"augment": {name: dict(policy)}}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    return dumped


def _class(
    policy: Policy, name: str, left: Sequence[Any], limits: Mapping[str, Mapping[str, float]], offline: bool
) -> dict[str, Any]:
    """Return the overrides of one class, as few as possible."""
    given = policy.classes.get(name)
    before = given.strength if given else 1.0
    found: dict[str, Any] = {"copies": given.copies} if given and given.copies is not None and offline else {}
    strengths: dict[str, float] = {}
    limited = False
    for step in left:
        own = before if isinstance(before, float) else before.get(step.name, 1.0)
        limit = limits.get(step.key, {}).get(name, own)
        limited = limited or limit < own
        strengths[step.name] = min(strengths.get(step.name, own), limit)
    if isinstance(before, float) and not limited:
        return {**found, "strength": before} if before != 1 else found
    changed = {step: int(far) if far == int(far) else far for step, far in strengths.items() if far != 1}
    return {**found, "strength": changed} if changed else found


def _short(options: Section) -> str | dict[str, Any]:
    """Return a plug-in in short form: its name, and options that differ from their defaults."""
    name: str = options.name  # type: ignore[attr-defined]
    own = options.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    return {"name": name, **own} if own else name
