"""The job of the `ladder` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, once
from darkroom.ladder.config import ClimbSpec, rungs
from darkroom.nets import pretrained
from darkroom.settings import Section
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    pass


def _spec(plan: Planned, wildcards: Wildcards) -> ClimbSpec:
    section = plan.config.ladder
    assert section, "a config without the section has none of its jobs"
    found = pretrained.fingerprints(section.network)
    return ClimbSpec(
        minutes=section.minutes,
        seeds=section.seeds,
        rungs=rungs(section, pretrained=found is not None),
        threads=section.threads,
        backbone=found,
        missing=None if found else _missing(section.network),
    )


def _missing(network: Section) -> str:
    """Say why there are no pretrained weights."""
    architecture, weights = getattr(network, "backbone", pretrained.DEFAULT), getattr(network, "weights", None)
    try:
        pretrained.find(architecture, weights)
    except ValueError as error:
        return str(error)
    return f"there are no weights of {architecture}"


def _inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    section = plan.config.ladder
    assert section, "a config without the section has none of its jobs"
    return {"data": PREPARED, "weights": fetched(section.network)}


def _threads(plan: Planned, wildcards: Wildcards) -> int:
    assert plan.config.ladder, "a config without the section has none of its jobs"
    return plan.config.ladder.threads


STAGES = (
    Stage(
        name="ladder climb",
        folder="{results}/ladder",
        title="climb the ladder",
        each=lambda config: once(config) if config.ladder else (),
        spec=_spec,
        inputs=_inputs,
        cost=Cost(TORCH, 4, seconds=300),
        threads=_threads,
    ),
)
