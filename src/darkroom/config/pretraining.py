"""Check what a config says about pretraining: weights that come from it, and the sizes that objectives take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from darkroom import settings
from darkroom.nets import pretrained
from darkroom.nets.options import FromPretraining

if TYPE_CHECKING:
    from darkroom.config.model import Config

SHAPE = (3, 64, 64)
"""Any shape: the blocks of a network do not depend on it."""


def network(config: Config, name: str) -> str | None:
    """Return the architecture of a pretraining's network, or None if there is no such pretraining."""
    models = config.pretrain.models if config.pretrain else {}
    return pretrained.own(models[name].network.model_dump(mode="json"), SHAPE) if name in models else None


def problems(config: Config) -> Iterator[str]:
    """Find weights from a pretraining that does not exist, or together with others."""
    models = list(config.pretrain.models) if config.pretrain else []
    for place, value in _with_weights(config, ""):
        if (name := value.weights.pretrain) not in models:
            hint = settings.choice(name, models) if models else " There is no section pretrain"
            yield f"{place}.weights.pretrain: no model {settings.quoted(name)} in pretrain.models.{hint}"
        if "backbone" in value.model_fields_set:
            yield f"{place}.backbone: the pretraining {name} has its own network; remove backbone"
    for member, detector in config.detect.detectors.items() if config.detect else ():
        chosen = list(pretrained.choices(detector.detector))
        if any(one.pretraining for one in chosen) and any(one.remote for one in chosen):
            yield (
                f"detect.detectors.{member}: combines weights to download with those of a pretraining; "
                "use one of them, or a local file"
            )


def _with_weights(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a config value whose weights come from a pretraining, with their keys."""
    if isinstance(value, BaseModel):
        if isinstance(getattr(value, "weights", None), FromPretraining):
            yield place, value
        for name in value.__class__.model_fields:
            yield from _with_weights(getattr(value, name), f"{place}.{name}".lstrip("."))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _with_weights(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _with_weights(item, f"{place}[{index}]")
