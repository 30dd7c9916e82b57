"""What follows from the target that the source asks for: the default loss, and what needs one class per image."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom import registry
from darkroom.classify.training_jobs import policies
from darkroom.config.model import Config
from darkroom.data.target import DESCRIBED, Kind

LOSSES: dict[Kind, str] = {"class": "cross_entropy", "labels": "binary_cross_entropy", "numbers": "huber"}
"""The loss of a classifier whose config names none."""


def fill(config: Config) -> Config:
    """Return the config with the loss that fits the target for every classifier that names none."""
    if config.target == "class" or config.classify is None:
        return config
    loss = registry.options("loss", LOSSES[config.target])()
    models = {
        name: model if "loss" in model.model_fields_set else model.model_copy(update={"loss": loss})
        for name, model in config.classify.models.items()
    }
    return config.model_copy(update={"classify": config.classify.model_copy(update={"models": models})})


def problems(config: Config) -> Iterator[str]:
    """Find losses that do not fit the target, and sections and keys that need one class per image."""
    source = config.data.source
    if getattr(source, "labels", None) is not None and getattr(source, "numbers", None) is not None:
        yield "data.source: got both labels and numbers; a model predicts one of them, so remove the other"
        return
    yield from _losses(config)
    if config.target == "numbers" and config.classify and config.classify.tta_merge in ("geometric_mean", "max"):
        yield f"classify.tta_merge: {config.classify.tta_merge} merges probabilities, not numbers; use mean or learned"
    if config.target != "class":
        asked = DESCRIBED[config.target]
        for key, cure in _of_one_class(config):
            yield f"{key}: needs one class per image, but the target is {asked}; {cure}"


def _losses(config: Config) -> Iterator[str]:
    for name, model in config.classify.models.items() if config.classify else ():
        loss = registry.entry(*model.loss.plugin)  # type: ignore[attr-defined]
        if config.target not in loss.constants["TARGETS"]:
            fitting = [
                one.name for one in registry.entries("loss").values() if config.target in one.constants["TARGETS"]
            ]
            yield (
                f"classify.models.{name}.loss: {loss.name} does not fit the target, which is {DESCRIBED[config.target]}; "
                f"use {', '.join(fitting)}"
            )


def _of_one_class(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each key that needs one class per image, and what to do about it."""
    for section in ("audit", "ladder", "detect"):
        if getattr(config, section) is not None:
            yield section, f"remove {section}"
    for key in ("long_tail", "keep"):
        if getattr(config.data.split, key):
            yield f"data.split.{key}", f"remove {key}"
    for name, policy in config.augment.items():
        for key in ("classes", "balance", "synthetic", "imbalance"):
            if getattr(policy, key):
                yield f"augment.{name}.{key}", f"remove {key}"
        if name in policies(config):
            for index, step in enumerate(policy.online):
                if getattr(step, "consistency", 0):
                    yield f"augment.{name}.online[{index}].consistency", "set it to 0"
    for name, model in config.classify.models.items() if config.classify else ():
        if model.transfer is not None:
            yield f"classify.models.{name}.transfer", "use a network without pretrained weights, such as resnet"
