"""The jobs that fetch pretrained weights, one for each backbone whose weights are remote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from darkroom.job.stage import TORCH, Cost, Job, Planned, Stage, Wildcards, Within
from darkroom.nets.pretrained import Choice, choices
from darkroom.weights.config import FetchSpec

if TYPE_CHECKING:
    from darkroom.config.model import Config

FOLDER = "data/weights"
"""Shared by all configs."""
PRETRAINED = "{results}/pretrain/models"
"""Holds the folders of `pretrain train`."""


def fetched(value: Any) -> Within | None:
    """Return the jobs that make the weights that a config value chooses, as input of a job; None if there are none to make.

    They fetch remote weights, or pretrain networks of the config; a value with both is refused when the config is read.
    """
    if names := dict.fromkeys(chosen.pretraining for chosen in choices(value) if chosen.pretraining):
        return Within(PRETRAINED, tuple(Job("pretrain train", {"model": name}) for name in names))
    keys = _remote(value)
    return Within(FOLDER, tuple(Job("weights fetch", {"key": key}) for key in keys)) if keys else None


def _remote(value: Any) -> dict[str, Choice]:
    return {chosen.key: chosen for chosen in choices(value) if chosen.remote}


def _each(config: Config) -> Iterable[Wildcards]:
    return ({"key": key} for key in _remote(config))


def _fetch(plan: Planned, wildcards: Wildcards) -> FetchSpec:
    chosen = _remote(plan.config)[wildcards["key"]]
    assert isinstance(chosen.weights, str), "neither packaged weights nor those of a pretraining are fetched"
    return FetchSpec(architecture=chosen.architecture, weights=chosen.weights, sha256=chosen.sha256)


def _no_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {}


STAGES = (
    Stage(
        name="weights fetch",
        folder=f"{FOLDER}/{{key}}",
        title="fetch weights: {key}",
        each=_each,
        spec=_fetch,
        inputs=_no_inputs,
        cost=Cost(TORCH, 0, seconds=5),
    ),
)
