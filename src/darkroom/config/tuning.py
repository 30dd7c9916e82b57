"""Check what a config lets the workflow choose: learning rates, and the settings that a search varies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import util
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from darkroom import settings
from darkroom.classify.config import Classifier
from darkroom.classify.training_jobs import policies
from darkroom.classify.tuning.space import Range, Search, nested
from darkroom.config import explain
from darkroom.fit.config import Training
from darkroom.fit.options import AUTO

if TYPE_CHECKING:
    from darkroom.config.model import Config


def problems(config: Config) -> Iterator[str]:
    """Yield one line per problem."""
    for name, value in config:
        if name != "classify":
            for place in _automatic(value, name):
                yield f"{place}.optimizer.lr: auto is for classifiers only; give a number"
    yield from _searches(config)


def _searches(config: Config) -> Iterator[str]:
    """Find searches that do not fit the model that they tune."""
    classify = config.classify
    for name, search in classify.search.items() if classify else ():
        place = f"classify.search.{name}"
        assert classify
        if name in classify.models:
            yield f"{place}: {name} is a model already; give the search another name"
        if search.model not in classify.models:
            yield f'{place}.model: no model "{search.model}".{settings.choice(search.model, list(classify.models))}'
            continue
        if search.policy not in policies(config):
            hint = settings.choice(search.policy, policies(config))
            yield f'{place}.policy: no policy "{search.policy}" that classifiers train under.{hint}'
        if search.method == "tpe" and util.find_spec("optuna") is None:
            yield f"{place}.method: tpe needs Optuna; install it with pip install 'darkroom[search]', or use random"
        yield from _space(classify.models[search.model], search, f"{place}.space")


def _space(model: Classifier, search: Search, place: str) -> Iterator[str]:
    """Find keys of a search that the model does not have, or that do not take a value."""
    if getattr(model.transfer, "views", None) is not None:
        yield f"{place}: {search.model} is a probe, which chooses the strength of its head itself; search another model"
        return
    for key, choices in search.space.items():
        if key in ("network", "network.name") or (model.transfer and key.split(".")[0] in ("network", "transfer")):
            what = "a pretrained network" if model.transfer else "another network"
            yield f"{place}.{key}: {what} is a model of its own; add it to classify.models and search its other keys"
            continue
        values = (choices.low, choices.place(1 / math.pi), choices.high) if isinstance(choices, Range) else choices
        for value in values:
            found = _applied(model, key, value)
            if isinstance(found, str):
                yield f"{place}.{found}"
                break
            if getattr(found.training.optimizer, "lr", None) == AUTO != getattr(model.training.optimizer, "lr", None):
                yield f"{place}.{key}: auto is no value to search; set it in classify.models.{search.model}"
                break


def _applied(model: Classifier, key: str, value: Any) -> Classifier | str:
    """Return the model with a value, or why it does not take it."""
    raw = nested(model.model_dump(mode="json"), {key: value})
    try:
        return Classifier.model_validate(raw)
    except ValidationError as error:
        return explain.problems(error, Classifier, raw)[0]


def _automatic(value: Any, place: str) -> Iterator[str]:
    """Yield the places of trainings, at any depth, whose learning rate is `auto`."""
    if isinstance(value, Training):
        if getattr(value.optimizer, "lr", None) == AUTO:
            yield place
    elif isinstance(value, BaseModel):
        for name, item in value:
            yield from _automatic(item, f"{place}.{name}")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _automatic(item, f"{place}.{name}")
