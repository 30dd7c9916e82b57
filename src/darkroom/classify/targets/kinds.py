"""The kinds of targets by name."""

from __future__ import annotations

from typing import TypeAlias

from torch import nn

from darkroom.classify.targets.labels import SeveralLabels
from darkroom.classify.targets.numbers import Numbers
from darkroom.classify.targets.one_class import OneClass
from darkroom.data.target import Kind, Target

Learned: TypeAlias = OneClass | SeveralLabels | Numbers
KINDS: dict[Kind, type[Learned]] = {"class": OneClass, "labels": SeveralLabels, "numbers": Numbers}


def learned(target: Target, network: nn.Module, link: str) -> Learned:
    """Return how a network, trained by a loss of this `link`, learns a target; that of numbers ends with `Rescale`."""
    if target.kind == "numbers":
        return Numbers(network.rescale)  # type: ignore[arg-type]
    return OneClass(len(target.names), link) if target.kind == "class" else SeveralLabels()
