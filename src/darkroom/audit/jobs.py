"""The jobs of the `audit` section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from darkroom.audit.config import Audit, Judging, MeasureSpec, TrainSpec
from darkroom.classify.config import LOSSES
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, part
from darkroom.nets import pretrained
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config


def judging(config: Config) -> Judging:
    """Return the section that the judges are trained by: `labels` only if there is no `audit`."""
    section = config.audit or config.labels
    assert section, "a config without these sections has no judges"
    return section


def _folds(config: Config) -> Iterator[Wildcards]:
    asked = config.audit or config.labels
    return ({"fold": str(fold)} for fold in range(judging(config).folds if asked else 0))


def _audited(config: Config) -> Iterable[Wildcards]:
    if config.audit is None:
        return ()
    changing = [name for name, policy in config.augment.items() if policy.offline or policy.online]
    named = changing if config.audit.policies is None else config.audit.policies
    return ({"policy": name} for name in named)


def _section(plan: Planned) -> Audit:
    assert plan.config.audit, "a config without the section has none of its jobs"
    return plan.config.audit


def _train(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    section = judging(plan.config)
    backbone = pretrained.fingerprints(section.network)
    return part(TrainSpec, section, fold=int(wildcards["fold"]), loss=_loss(plan), backbone=backbone)


def _measure(plan: Planned, wildcards: Wildcards) -> MeasureSpec:
    name, section = wildcards["policy"], _section(plan)
    backbone = pretrained.fingerprints(section.network)
    maker = plan.config.data.kind
    own = {"name": name, "policy": plan.config.augment[name], "maker": maker, "loss": _loss(plan)}
    return part(MeasureSpec, section, **own, backbone=backbone)


def _loss(plan: Planned) -> str:
    """Return the loss of the judges: the default of the target."""
    return LOSSES[plan.config.target]


def judge_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    """Return the inputs of a job that trains a judge's network."""
    return {"data": PREPARED, "weights": fetched(judging(plan.config).network)}


def judged_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    """Return the inputs of a job that asks all judges."""
    judges = Within("{results}/audit/models", tuple(Job("audit train", fold) for fold in _folds(plan.config)))
    return {**judge_inputs(plan, wildcards), "models": judges}


STAGES = (
    Stage(
        name="audit train",
        folder="{results}/audit/models/fold-{fold}",
        title="train judge: fold {fold}",
        each=_folds,
        spec=_train,
        inputs=judge_inputs,
        cost=Cost(TORCH, 4, seconds=15),
        resumes=True,
    ),
    Stage(
        name="audit measure",
        folder="{results}/audit/policies/{policy}",
        title="audit: {policy}",
        each=_audited,
        spec=_measure,
        inputs=judged_inputs,
        cost=Cost(TORCH, 4, seconds=22),  # with one transform that a judge is retrained with
    ),
)
