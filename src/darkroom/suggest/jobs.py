"""The jobs of the `suggest` section: one simulation per rule and seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, part
from darkroom.nets import pretrained
from darkroom.settings import Section
from darkroom.suggest.config import SimulateSpec, Suggest
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _rules(section: Suggest) -> Mapping[str, Section]:
    return {rule.name: rule for rule in section.rules}  # type: ignore[attr-defined]


def _each(config: Config) -> Iterable[Wildcards]:
    if config.suggest is None:
        return ()
    names, seeds = _rules(config.suggest), config.suggest.seeds
    return ({"acquisition": name, "seed": str(seed)} for name in names for seed in seeds)


def _section(plan: Planned) -> Suggest:
    assert plan.config.suggest, "a config without the section has none of its jobs"
    return plan.config.suggest


def _simulate(plan: Planned, wildcards: Wildcards) -> SimulateSpec:
    section = _section(plan)
    return part(
        SimulateSpec,
        section,
        acquisition=_rules(section)[wildcards["acquisition"]],
        backbone=pretrained.fingerprints(section.network),
        seed=int(wildcards["seed"]),
    )


def _inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {"data": PREPARED, "weights": fetched(_section(plan).network)}


STAGES = (
    Stage(
        name="suggest simulate",
        folder="{results}/suggest/{acquisition}/seed-{seed}",
        title="simulate labeling: {acquisition}, seed {seed}",
        each=_each,
        spec=_simulate,
        inputs=_inputs,
        cost=Cost(TORCH, 4, seconds=20),
        tags={"acquisition": "model"},
    ),
)
