"""Read and scale the magnitudes of transforms.

An option marked with `Amount` is scaled by its distance from the neutral value: strength 0.5 halves that distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from darkroom import registry
from darkroom.augment import magnitudes, occlusion
from darkroom.augment.config import STRONGEST, Policy
from darkroom.augment.options import Amount
from darkroom.settings import Section

POLICIES = ("autoaugment", "randaugment", "trivialaugment_wide", "augmix")
TINY = 1e-6
"""Distance to keep from exclusive bounds."""


def marked(options: Section | type[Section]) -> Iterator[tuple[str, FieldInfo, Amount]]:
    """Yield the magnitude options of a transform: name, field and mark."""
    model = options if isinstance(options, type) else options.__class__
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Amount):
                yield name, field, mark


def scaled(options: Section, strength: float) -> Section | None:
    """Return the transform at another strength, clamped to its ranges, or None at strength 0, which disables it.

    Occlusions never hide the whole image, see `occlusion.limit`. Raises ValueError for a negative strength.
    """
    if strength < 0:
        raise ValueError(f"strength must be at least 0, got {strength}")
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
    """Return whether a transform is all or nothing: its only magnitude is its probability."""
    return all(name == "p" for name, _, _ in marked(options))


def reach(options: Section) -> dict[str, float]:
    """Return a transform's maximum magnitude by operation, in the same unit for all transforms with that operation.

    This is the distance of each amount from its neutral value, in degrees for rotations and as a fraction of the image's
    area for occlusions. Empty for a transform that is never applied.
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


def exceeded(declared: Mapping[str, bool | float], reached: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the operations that reach farther than `data.label_preserving` declares, each with an explanation."""
    found = []
    for operation, far in reached.items():
        limit = declared.get(operation, True)
        if limit is False and far > 0:
            found.append((operation, f"does not preserve labels: data.label_preserving.{operation} is false"))
        elif limit is not True and far > limit + 1e-9:
            found.append((operation, f"reaches {far:g}, but data.label_preserving.{operation} is {limit:g}"))
    return found


def strongest(policy: Policy, options: Section) -> dict[str, float]:
    """Return the maximum magnitude of a policy's transform over all classes, by operation."""
    name: str = options.name  # type: ignore[attr-defined]
    own = [given.strength for given in policy.classes.values()]
    most = max([1.0, *(s if isinstance(s, float) else s.get(name, 1.0) for s in own)])
    stronger = scaled(options, most * (STRONGEST if policy.balance else 1.0))
    return reach(stronger) if stronger else {}


def operations() -> set[str]:
    """Return the operations of all transforms with their default options."""
    kinds = ("transform", "batch transform")
    models = [registry.options(kind, name) for kind in kinds for name in registry.entries(kind)]
    return {operation for model in models for operation in reach(model())}


def _hiding(options: Section) -> dict[str, Any]:
    """Return the arguments of `occlusion.hidden` and `occlusion.limit` for an occluding transform."""
    name: str = options.name  # type: ignore[attr-defined]
    return {"name": name, "amount": getattr(options, occlusion.AMOUNTS[name]), "holes": getattr(options, "holes", 1)}


def _range(field: FieldInfo) -> tuple[float, float]:
    """Return the minimum and maximum of a field."""
    low, high = float("-inf"), float("inf")
    for bound in field.metadata:
        for key, toward in (("ge", 0.0), ("gt", TINY)):
            low = max(low, getattr(bound, key) + toward) if hasattr(bound, key) else low
        for key, toward in (("le", 0.0), ("lt", TINY)):
            high = min(high, getattr(bound, key) - toward) if hasattr(bound, key) else high
    return low, high
