"""What runs, metrics and parameters are called in MLflow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any


def method(stage: str, tags: Mapping[str, str]) -> str:
    """What several seeds are runs of: the section and every tag but the seed, as `classify/none/resnet`."""
    return "/".join([stage.split()[0], *(value for key, value in tags.items() if key != "seed")])


def title(stage: str, tags: Mapping[str, str]) -> str:
    """A short name for a run: the stage and what it is about, as `classify train none resnet seed-0`."""
    return " ".join([stage, *(f"seed-{value}" if key == "seed" else value for key, value in tags.items())])


def summary(name: str, values: list[float]) -> dict[str, float]:
    """Mean, standard deviation and 95 % t interval of one metric over seeds; the mean alone of a single seed."""
    import numpy as np

    from darkroom.measure.seeds import t_interval

    if len(values) < 2:
        return {name: float(np.mean(values))}
    mean, low, high = t_interval(values)
    return {name: mean, f"{name}/std": float(np.std(values, ddof=1)), f"{name}/low": low, f"{name}/high": high}


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A spec's values by dotted key, as MLflow's parameters are."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from flat(item, f"{prefix}.{index}")
    else:
        yield prefix, value


def metric_name(name: str) -> str:
    """A name that MLflow takes, another for every name: class names may hold anything."""
    return _told_apart("/".join(_told_apart(part, 100) for part in name.split("/")), 240)


def _told_apart(part: str, longest: int) -> str:
    """Without what MLflow refuses; where that changes it, or it is cut, with a hash of what it was."""
    plain = re.sub(r"[^\w./: -]", "_", part) if part.strip(".") else "_"
    if plain == part and len(part) <= longest:
        return part
    return f"{plain[: longest - 9].rstrip('/')}-{hashlib.sha256(part.encode()).hexdigest()[:8]}"


def quoted(text: str) -> str:
    """A text for the inside of a quoted value in MLflow's search, which knows no escape."""
    return text.replace("'", "")
