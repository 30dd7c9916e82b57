"""How far a transform goes: its amounts read from its options, and scaled.

An option marked with `Amount` is a distance from the value that changes nothing: strength 0.5 goes half as far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from darkroom import registry
from darkroom.augment import magnitudes, occlusion
from darkroom.augment.config import STRONGEST, Policy
from darkroom.augment.options import Amount
from darkroom.settings import Section

POLICIES = ("autoaugment", "randaugment", "trivialaugment_wide", "augmix")
TINY = 1e-6
"""How near an amount comes to a bound that is itself not allowed."""


def marked(options: Section | type[Section]) -> Iterator[tuple[str, FieldInfo, Amount]]:
    """The options of a transform that say how far it goes: name, field and mark of each."""
    model = options if isinstance(options, type) else options.__class__
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Amount):
                yield name, field, mark


def scaled(options: Section, strength: float) -> Section | None:
    """The transform at another strength, its amounts kept within their ranges; None at strength 0, which switches it off.

    An occlusion is not made so strong that it hides everything, see `occlusion.limit`.
    Raises ValueError for a negative strength.
    """
    if strength < 0:
        raise ValueError(f"a strength is at least 0, got {strength}")
    if strength == 0:
        return None
    changed: dict[str, Any] = {}
    for name, field, mark in marked(options):
        value = mark.neutral + strength * (getattr(options, name) - mark.neutral)
        low, high = _range(field)
        if occlusion.AMOUNTS.get(options.name) == name:  # type: ignore[attr-defined]
            high = min(high, occlusion.limit(**_hiding(options)))
        value = min(max(value, low), high)
        changed[name] = round(value) if field.annotation is int else value
    return options.model_copy(update=changed)


def is_binary(options: Section) -> bool:
    """Whether a transform is applied or not, with nothing between: its one amount is its probability."""
    return all(name == "p" for name, _, _ in marked(options))


def reach(options: Section) -> dict[str, float]:
    """How far a transform goes at most, by operation, in one unit for all transforms that do the same.

    It is the distance of each amount from what changes nothing, except that turns are told in degrees, and what is
    hidden as a share of the image's area. A transform that is never applied reaches nothing.
    """
    if getattr(options, "p", 1) == 0:
        return {}
    found = {mark.of: abs(getattr(options, option) - mark.neutral) for option, _, mark in marked(options)}
    match options.model_dump():
        case {"name": name, **more} if name in POLICIES:
            return magnitudes.reach(name, more)
        case {"name": "rotate90", "turns": turns}:
            return {"rotate": 180.0 if turns is None or 2 in turns else 90.0}
        case {"name": name} if name in occlusion.AMOUNTS:
            return {"occlusion": occlusion.hidden(**_hiding(options))}
    return found


def strongest(policy: Policy, options: Section) -> dict[str, float]:
    """How far a transform of a policy goes for any class, by operation."""
    name: str = options.name  # type: ignore[attr-defined]
    own = [given.strength for given in policy.classes.values()]
    most = max([1.0, *(s if isinstance(s, float) else s.get(name, 1.0) for s in own)])
    stronger = scaled(options, most * (STRONGEST if policy.balance else 1.0))
    return reach(stronger) if stronger else {}


def operations() -> set[str]:
    """Every operation that some transform does with its default options."""
    kinds = ("transform", "batch transform")
    models = [registry.options(kind, name) for kind in kinds for name in registry.entries(kind)]
    return {operation for model in models for operation in reach(model())}


def _hiding(options: Section) -> dict[str, Any]:
    """What `occlusion` wants to know of a transform that hides a part of the image."""
    name: str = options.name  # type: ignore[attr-defined]
    return {"name": name, "amount": getattr(options, occlusion.AMOUNTS[name]), "holes": getattr(options, "holes", 1)}


def _range(field: FieldInfo) -> tuple[float, float]:
    """The smallest and the largest value of a field."""
    low, high = float("-inf"), float("inf")
    for bound in field.metadata:
        for key, toward in (("ge", 0.0), ("gt", TINY)):
            low = max(low, getattr(bound, key) + toward) if hasattr(bound, key) else low
        for key, toward in (("le", 0.0), ("lt", TINY)):
            high = min(high, getattr(bound, key) - toward) if hasattr(bound, key) else high
    return low, high
