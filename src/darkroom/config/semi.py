"""What semi-supervised training of a classifier needs of its other settings."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom import registry
from darkroom.augment.strength import exceeded, reach
from darkroom.classify.training_jobs import policies
from darkroom.config.model import Config
from darkroom.data.target import DESCRIBED


def problems(config: Config) -> Iterator[str]:
    """Find classifiers that cannot learn from unlabeled images under one of their policies."""
    for name, model in config.classify.models.items() if config.classify else ():
        if model.semi is None:
            continue
        method, place = model.semi.name, f"classify.models.{name}.semi"  # type: ignore[attr-defined]
        loss = registry.entry(*model.loss.plugin)  # type: ignore[attr-defined]
        if config.target != "class":
            yield f"{place}: {method} needs one class per image, but the target is {DESCRIBED[config.target]}; remove semi"
        if getattr(model.transfer, "views", None) is not None:
            yield f"{place}: a probe has no training loop for {method}; set transfer to fine_tune, or remove semi"
        mixes = registry.entry(*model.semi.plugin).constants.get("MIXES", False)  # type: ignore[attr-defined]
        if mixes and not loss.constants["SOFT"]:
            yield f"{place}: {method} mixes classes, which the loss {loss.name} does not take; use cross_entropy, or fixmatch"
        if model.training.devices * model.training.nodes > 1:
            yield f"{place}: {method} trains in one process; set training.devices and training.nodes to 1"
        for key in model.semi.model_fields_set & {"weak", "strong"}:
            for index, step in enumerate(getattr(model.semi, key)):
                for _, fault in exceeded(config.data.label_preserving, reach(step)):
                    yield f"{place}.{key}[{index}]: {step.name} {fault}; remove or weaken it"
        for policy in policies(config):
            steps = config.augment[policy].online if policy in config.augment else []
            if any(getattr(step, "consistency", 0) for step in steps):
                yield (
                    f"{place}: {method} takes no consistency loss of augmix, which augment.{policy} has; set consistency to 0, "
                    f"or leave {policy} out of classify.policies"
                )
