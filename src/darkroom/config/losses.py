"""Check that the losses of classifiers take the targets that policies give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from darkroom import registry
from darkroom.augment.config import MIXING
from darkroom.classify.jobs import policies

if TYPE_CHECKING:
    from darkroom.config.model import Config


def problems(config: Config) -> Iterator[str]:
    """Find losses that a model does not use, or that do not fit what one of its policies does to targets or logits."""
    for name, model in config.classify.models.items() if config.classify else ():
        loss, place = registry.entry(*model.loss.plugin), f"classify.models.{name}.loss"  # type: ignore[attr-defined]
        if getattr(model.transfer, "views", None) is not None:
            if loss.name != "cross_entropy":
                yield f"{place}: got {loss.name}, but a probe fits its head with a loss of its own; remove loss"
            continue
        for policy in policies(config):
            chosen = config.augment.get(policy)
            if chosen is None:
                continue
            remedy = getattr(chosen.imbalance, "name", None)
            if remedy == "logit_adjustment" and loss.constants["LINK"] != "softmax":
                yield (
                    f"{place}: {loss.name} has no softmax, which logit_adjustment in augment.{policy} adjusts; "
                    f"use cross_entropy, or class_weights in augment.{policy}.imbalance"
                )
            mixing = [step.name for step in chosen.online if step.name in MIXING]  # type: ignore[attr-defined]
            if mixing and not loss.constants["SOFT"]:
                yield (
                    f"{place}: {loss.name} does not take the mixed targets of {mixing[0]} in augment.{policy}; "
                    f"use {', '.join(_soft(loss))}, or leave {policy} out of classify.policies"
                )


def _soft(loss: registry.Entry) -> list[str]:
    """Name the losses that take mixed targets of the same kinds."""
    known = registry.entries("loss").values()
    return [
        entry.name
        for entry in known
        if entry.constants["SOFT"] and set(loss.constants["TARGETS"]) <= set(entry.constants["TARGETS"])
    ]
