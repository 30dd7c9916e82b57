"""Check that the losses of classifiers take the targets that policies give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from darkroom import registry, settings
from darkroom.augment.config import MIXING
from darkroom.classify.config import LOSSES
from darkroom.classify.training_jobs import policies

if TYPE_CHECKING:
    from darkroom.config.model import Config


def problems(config: Config) -> Iterator[str]:
    """Find losses that a model does not use, or that do not fit what one of its policies does to targets or logits."""
    yield from _teacher_problems(config)
    for name, model in config.classify.models.items() if config.classify else ():
        loss, place = registry.entry(*model.loss.plugin), f"classify.models.{name}.loss"  # type: ignore[attr-defined]
        if getattr(model.transfer, "views", None) is not None:
            if loss.name != LOSSES[config.target]:
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


def _teacher_problems(config: Config) -> Iterator[str]:
    """Find classifiers that learn from one that does not exist, or from one that learns from them."""
    models = config.classify.models if config.classify else {}
    teachers = {name: getattr(model.loss, "teacher", None) for name, model in models.items()}
    for name, teacher in teachers.items():
        place = f"classify.models.{name}.loss.teacher"
        if teacher is None:
            continue
        if teacher not in models:
            yield f"{place}: no model {settings.quoted(teacher)} in classify.models.{settings.choice(teacher, list(models))}"
            continue
        chain = [name]
        while (following := teachers.get(chain[-1])) is not None and following not in chain:
            chain.append(following)
        if following == name:
            yield f"{place}: {' learns from '.join([*chain, name])}; a teacher must not depend on its student"


def _soft(loss: registry.Entry) -> list[str]:
    """Name the losses that take mixed targets of the same kinds and need no teacher."""
    known = registry.entries("loss").values()
    return [
        entry.name
        for entry in known
        if entry.constants["SOFT"]
        and entry.name != "distillation"
        and set(loss.constants["TARGETS"]) <= set(entry.constants["TARGETS"])
    ]
