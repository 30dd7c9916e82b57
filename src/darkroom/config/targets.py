"""What follows from the target that the source asks for: the default loss, and what needs one class per image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from darkroom import files, registry
from darkroom.classify.config import LOSSES, Classifier
from darkroom.classify.training_jobs import policies
from darkroom.config.model import Config
from darkroom.data.target import DESCRIBED, Kind
from darkroom.data.target_columns import header, problem

HEADS: dict[Kind, str] = {"class": "logistic", "labels": "logistic", "numbers": "ridge"}
"""The head of a probe whose config names none."""


def fill(config: Config) -> Config:
    """Return the config with the loss and the head that fit the target for every classifier that names none."""
    if config.target == "class" or config.classify is None:
        return config
    models = {name: _filled(model, config.target) for name, model in config.classify.models.items()}
    return config.model_copy(update={"classify": config.classify.model_copy(update={"models": models})})


def _filled(model: Classifier, target: Kind) -> Classifier:
    found: dict[str, Any] = {}
    if "loss" not in model.model_fields_set:
        found["loss"] = registry.options("loss", LOSSES[target])()
    if _head(model) is not None and "head" not in model.transfer.model_fields_set:  # type: ignore[union-attr]
        head = registry.options("head", HEADS[target])()
        found["transfer"] = model.transfer.model_copy(update={"head": head})  # type: ignore[union-attr]
    return model.model_copy(update=found)


def _head(model: Classifier) -> Any:
    """Return the head of a probe; None for other ways to train."""
    return getattr(model.transfer, "head", None)


def problems(config: Config) -> Iterator[str]:
    """Find losses that do not fit the target, and sections and keys that need one class per image."""
    source = config.data.source
    if getattr(source, "labels", None) is not None and getattr(source, "numbers", None) is not None:
        yield "data.source: got both labels and numbers; a model predicts one of them, so remove the other"
        return
    yield from _misfits(config)
    if config.target == "numbers" and config.classify and config.classify.tta_merge in ("geometric_mean", "max"):
        yield f"classify.tta_merge: {config.classify.tta_merge} merges probabilities, not numbers; use mean or learned"
    if config.target != "class":
        asked = DESCRIBED[config.target]
        for key, cure in _of_one_class(config):
            yield f"{key}: needs one class per image, but the target is {asked}; {cure}"


def column_problems(config: Config) -> Iterator[str]:
    """Find columns of the target that a local table does not have; tables of other kinds are read by `data fetch`."""
    source: Any = config.data.source
    if config.target == "class":
        return
    table = files.local(source.path)
    known = header(table) if table else None
    if known and (fault := problem(known, source.labels, source.numbers, source.path)):
        yield fault


def _misfits(config: Config) -> Iterator[str]:
    """Find losses and heads that do not fit the target."""
    for name, model in config.classify.models.items() if config.classify else ():
        for key, chosen in (("loss", model.loss), ("transfer.head", _head(model))):
            if chosen is None:
                continue
            entry = registry.entry(*chosen.plugin)  # type: ignore[union-attr]
            if config.target not in entry.constants["TARGETS"]:
                known = registry.entries(entry.kind).values()
                fitting = [one.name for one in known if config.target in one.constants["TARGETS"]]
                yield (
                    f"classify.models.{name}.{key}: {entry.name} does not fit the target, which is "
                    f"{DESCRIBED[config.target]}; use {', '.join(fitting)}"
                )


def _of_one_class(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each key that needs one class per image, and what to do about it."""
    for section in ("labels", "suggest", "ladder", "detect"):
        if getattr(config, section) is not None:
            yield section, f"remove {section}"
    if config.classify is not None and config.classify.costs is not None:
        yield "classify.costs", "remove costs"
    if config.data.corrections is not None:
        yield "data.corrections", "remove corrections"
    if config.data.labels is not None:
        yield "data.labels", "remove labels"
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
