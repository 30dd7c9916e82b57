"""The jobs of the `labels` section; its judges are those of the audit, which `audit train` trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from darkroom.audit.jobs import judge_inputs, judged_inputs, judging
from darkroom.job.stage import TORCH, Cost, Planned, Stage, Wildcards, once, part
from darkroom.labels.config import EffectSpec, FindSpec
from darkroom.nets import pretrained

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _find(plan: Planned, wildcards: Wildcards) -> FindSpec:
    section, labels = judging(plan.config), plan.config.labels
    assert labels, "a config without the section has none of its jobs"
    return FindSpec(
        network=section.network,
        transfer=section.transfer,
        folds=section.folds,
        seed=section.seed,
        examples=labels.examples,
        backbone=pretrained.fingerprints(section.network),
    )


def _if_corrected(config: Config) -> Iterable[Wildcards]:
    return once(config) if config.labels and config.data.corrections is not None else ()


def _effect(plan: Planned, wildcards: Wildcards) -> EffectSpec:
    section = judging(plan.config)
    return part(EffectSpec, section, backbone=pretrained.fingerprints(section.network))


STAGES = (
    Stage(
        name="labels find",
        folder="{results}/labels/suspects",
        title="find wrong labels",
        each=lambda config: once(config) if config.labels else (),
        spec=_find,
        inputs=judged_inputs,
        cost=Cost(TORCH, 4, seconds=10),
    ),
    Stage(
        name="labels effect",
        folder="{results}/labels/effect",
        title="what corrected labels change",
        each=_if_corrected,
        spec=_effect,
        inputs=judge_inputs,
        cost=Cost(TORCH, 4, seconds=60),
    ),
)
