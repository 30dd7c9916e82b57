"""Check what a config lets the workflow choose: learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

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
