"""What runs, metrics and parameters are called in MLflow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Job:
    """What a job's folder says: `results/NAME/classify/POLICY/MODEL/seed-S/STEP`."""

    def __init__(self, folder: str) -> None:
        self.parts = Path(folder).parts
        seeds = [part for part in self.parts if re.fullmatch(r"seed-\d+", part)]
        self.seed = int(seeds[0].removeprefix("seed-")) if seeds else None
        self.inner = self.parts[2:] if len(self.parts) > 2 else self.parts

    @property
    def method(self) -> str:
        """The job without its seed and step: what several seeds are runs of."""
        return "/".join(self.inner[: next(i for i, p in enumerate(self.inner) if p.startswith("seed-"))])

    def tags(self) -> dict[str, str]:
        """Model, policy, task and seed, as far as the folder has them."""
        if self.seed is None:
            if self.inner[:2] == ("audit", "models"):
                return {"fold": self.inner[2].removeprefix("fold-")}
            places = {("augment",): 1, ("audit", "policies"): 2, ("generate", "synthetic"): 2}
            place = next((at for start, at in places.items() if self.inner[: len(start)] == start), None)
            return {"policy": self.inner[place]} if place else {}
        names = {"classify": ("policy", "model"), "generate": ("model",), "detect": ("task", "model")}[self.inner[0]]
        return {**dict(zip(names, self.inner[1:], strict=False)), "seed": str(self.seed)}

    def title(self, stage: str) -> str:
        """A short name for the run: the stage and what it was about."""
        return " ".join([stage, *(self.inner[1:-1] if self.seed is not None else self.tags().values())])


def summary(name: str, values: list[float]) -> dict[str, float]:
    """Mean, standard deviation and 95 % t interval of one metric over seeds; the mean alone of a single seed."""
    import numpy as np
    from scipy import special

    mean = float(np.mean(values))
    if len(values) < 2:
        return {name: mean}
    std = float(np.std(values, ddof=1))
    half = float(special.stdtrit(len(values) - 1, 0.975)) * std / len(values) ** 0.5
    return {name: mean, f"{name}/std": std, f"{name}/low": mean - half, f"{name}/high": mean + half}


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
