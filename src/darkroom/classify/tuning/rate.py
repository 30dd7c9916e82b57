"""The learning rate of `classify lr_range` in place of `auto`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from darkroom import files
from darkroom.classify.config import TrainSpec
from darkroom.fit.options import AUTO

FOUND = "lr_range.json"
Spec = TypeVar("Spec", bound=TrainSpec)


def read(folder: Path) -> float:
    """Return the learning rate that a range test chose."""
    return float(files.read_json(folder / FOUND)["lr"])


def with_rate(spec: Spec, lr: float) -> Spec:
    """Return a spec with this learning rate in place of `auto`."""
    if getattr(spec.training.optimizer, "lr", None) != AUTO:
        return spec  # a search chose a number
    optimizer = spec.training.optimizer.model_copy(update={"lr": lr})
    return spec.model_copy(update={"training": spec.training.model_copy(update={"optimizer": optimizer})})
