"""Names of runs, metrics and parameters in MLflow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

NUMBERED = ("seed", "fold", "share", "round", "trial")
"""Tags that number the runs of one method."""


def has_parent(tags: Mapping[str, str]) -> bool:
    """Return whether a run is one of several of a method, which share a parent."""
    return "seed" in tags or "trial" in tags


def method(stage: str, tags: Mapping[str, str]) -> str:
    """Return the name shared by the runs of one method: `classify/none/resnet` for its seeds, whatever the stage, and
    `classify fold/none/resnet` for its folds; shares and trials alike."""
    first = stage if tags.keys() & set(NUMBERED) - {"seed"} else stage.split()[0]
    return "/".join([first, *(value for key, value in tags.items() if key not in NUMBERED)])


def title(stage: str, tags: Mapping[str, str]) -> str:
    """Return a short run name: the stage and its tags, such as `classify train none resnet seed-0`."""
    return " ".join([stage, *(f"{key}-{value}" if key in NUMBERED else value for key, value in tags.items())])


def summary(name: str, values: list[float]) -> dict[str, float]:
    """Return the mean, standard deviation and 95 % t interval of a metric over seeds; only the mean for a single seed."""
    import numpy as np

    from darkroom.measure.seeds import t_interval

    if len(values) < 2:
        return {name: float(np.mean(values))}
    mean, low, high = t_interval(values)
    return {name: mean, f"{name}/std": float(np.std(values, ddof=1)), f"{name}/low": low, f"{name}/high": high}


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a spec's values with dotted keys, as MLflow parameters."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from flat(item, f"{prefix}.{index}")
    else:
        yield prefix, value


def metric_name(name: str) -> str:
    """Return a valid MLflow metric name, unique for each input: class names may contain any character."""
    return _told_apart("/".join(_told_apart(part, 100) for part in name.split("/")), 240)


def _told_apart(part: str, longest: int) -> str:
    """Replace characters that MLflow rejects; if that changes or truncates the part, append a hash of the original."""
    plain = re.sub(r"[^\w./: -]", "_", part) if part.strip(".") else "_"
    if plain == part and len(part) <= longest:
        return part
    return f"{plain[: longest - 9].rstrip('/')}-{hashlib.sha256(part.encode()).hexdigest()[:8]}"


def quoted(text: str) -> str:
    """Drop single quotes from a value for MLflow's search syntax, which has no escape for them."""
    return text.replace("'", "")
