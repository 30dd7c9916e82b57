"""Check that the options of a network go together, wherever the config names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def problems(config: BaseModel) -> Iterator[str]:
    """Find networks whose options contradict each other."""
    for place, network in _networks(config, ""):
        if getattr(network, "stochastic_depth", 0) and not getattr(network, "skip", True):
            yield f"{place}: stochastic_depth skips residual blocks, and skip is off; set skip: true or stochastic_depth: 0"
        if network.name == "vit" and network.width % network.heads:
            yield f"{place}.width: got {network.width}; expected a multiple of heads, {network.heads}"


def _networks(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the networks within a config value, with their keys."""
    if getattr(value.__class__, "plugin", ("", ""))[0] == "network":
        yield place, value
    elif isinstance(value, BaseModel):
        for field in value.__class__.model_fields:
            yield from _networks(getattr(value, field), f"{place}.{field}".lstrip("."))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _networks(item, f"{place}.{key}")
