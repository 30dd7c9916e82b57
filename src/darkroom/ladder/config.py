"""The `ladder` section: which way to classify, from the simplest to the best, is worth its time."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from darkroom.classify.config import Classifier, Classify
from darkroom.fit.config import Seeds
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Positive, Section

SCRATCH = "scratch"
ORDER = ("class_means", "logistic", "last_blocks", "all_layers", SCRATCH)
"""Rungs from the simplest to the most expensive; a spec in JSON has them sorted by name."""


class Ladder(Section):
    """Climbs from class means on frozen features to networks that train as a whole, and forecasts what more images bring."""

    minutes: Positive = 10
    """Time budget on two cores; rungs that do not fit are left out, the most expensive first."""
    seeds: Seeds = (0,)
    """Number of seeds, or a list of them; all rungs train with the same ones."""
    network: Annotated[Section, Plugin("network", default="pretrained"), Field(validate_default=True)] = {
        "name": "pretrained"
    }  # type: ignore[assignment]
    """The pretrained network of all rungs but the last."""
    scratch: Annotated[Section, Plugin("network", default="resnet"), Field(validate_default=True)] = {"name": "resnet"}  # type: ignore[assignment]
    """The network of the last rung, which starts from random weights."""
    threads: Count = 2
    """CPU threads per training. Results depend on it in their last digits."""


class ClimbSpec(Section):
    """The job `ladder climb`."""

    minutes: Positive
    seeds: Seeds
    rungs: dict[Name, Classifier]
    """The rungs, simplest first."""
    threads: Count
    backbone: str | None = None
    """Fingerprint of the pretrained weights."""
    missing: str | None = None
    """Why there are no pretrained rungs."""


def rungs(section: Ladder, *, pretrained: bool) -> dict[str, Classifier]:
    """Return the rungs of a ladder from the simplest to the most expensive."""
    frozen = section.network.model_dump(mode="json")
    training = {"threads": section.threads}
    ways: dict[str, Any] = {
        "class_means": {"name": "probe", "head": "class_means", "views": 0},
        "logistic": {"name": "probe", "head": "logistic", "views": 0},
        "last_blocks": {"name": "partial"},
        "all_layers": {"name": "fine_tune", "start_size": 0.5},
    }
    known: dict[str, Any] = {}
    if pretrained:
        known = {name: {"network": frozen, "transfer": way} for name, way in ways.items()}
        for name in ("class_means", "logistic"):
            known[name]["training"] = {"threads": 1}  # more threads only wait for each other on problems this small
    models = {**known, SCRATCH: {"network": section.scratch.model_dump(mode="json")}}
    return Classify.model_validate({"models": models, "training": training}).models
