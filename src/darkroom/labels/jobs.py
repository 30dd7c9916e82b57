"""The jobs of the `labels` section; its judges are those of the audit, which `audit train` trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.audit.jobs import judges, judging
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, part
from darkroom.labels.config import EffectSpec, FindSpec
from darkroom.nets import pretrained
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _each(config: Config) -> Iterable[Wildcards]:
    return ({},) if config.labels else ()


def _find(plan: Planned, wildcards: Wildcards) -> FindSpec:
    section, labels = judging(plan.config), plan.config.labels
    assert labels, "a config without the section has none of its jobs"
    return FindSpec(
        network=section.network,
        folds=section.folds,
        seed=section.seed,
        examples=labels.examples,
        backbone=pretrained.fingerprints(section.network),
    )


def _models(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {**_images(plan, wildcards), "models": judges(plan.config)}


def _if_corrected(config: Config) -> Iterable[Wildcards]:
    return ({},) if config.labels and config.data.corrections is not None else ()


def _effect(plan: Planned, wildcards: Wildcards) -> EffectSpec:
    section = judging(plan.config)
    return part(EffectSpec, section, backbone=pretrained.fingerprints(section.network))


def _images(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {"data": PREPARED, "weights": fetched(judging(plan.config).network)}


STAGES = (
    Stage(
        name="labels find",
        folder="{results}/labels/suspects",
        title="find wrong labels",
        each=_each,
        spec=_find,
        inputs=_models,
        cost=Cost(TORCH, 4, seconds=10),
    ),
    Stage(
        name="labels effect",
        folder="{results}/labels/effect",
        title="what corrected labels change",
        each=_if_corrected,
        spec=_effect,
        inputs=_images,
        cost=Cost(TORCH, 4, seconds=60),
    ),
)
