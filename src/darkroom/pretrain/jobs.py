"""The jobs of the `pretrain` section."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from darkroom import registry
from darkroom.augment.strength import exceeded, reach
from darkroom.job.stage import TORCH, Cost, Planned, Stage, Wildcards, fields, once
from darkroom.nets import pretrained
from darkroom.pretrain.config import BaselinesSpec, Pretrain, Pretraining, TrainSpec
from darkroom.pretrain.options import SIMCLR_VIEWS
from darkroom.settings import Section
from darkroom.weights.jobs import PRETRAINED

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _models(config: Config) -> Iterable[Wildcards]:
    return ({"model": name} for name in (config.pretrain.models if config.pretrain else ()))


def _section(plan: Planned) -> Pretrain:
    assert plan.config.pretrain, "a config without the section has none of its jobs"
    return plan.config.pretrain


def _train(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    section = _section(plan)
    model = section.models[wildcards["model"]]
    return TrainSpec(seed=section.seed, **{**fields(model), "views": _views(plan, model)})


def _views(plan: Planned, model: Pretraining) -> list[Section]:
    """Return the transforms of a pretraining's views: the config's, or the objective's own that preserve labels."""
    if model.views is not None:
        return model.views
    chosen: Any = registry.entry(*model.objective.plugin).constants.get("VIEWS", SIMCLR_VIEWS)  # type: ignore[attr-defined]
    steps = (registry.options("batch transform", own["name"]).model_validate(own) for own in chosen)
    return [step for step in steps if not exceeded(plan.config.data.label_preserving, reach(step))]


def _baselines(plan: Planned, wildcards: Wildcards) -> BaselinesSpec:
    return BaselinesSpec(backbone=pretrained.installed())


STAGES = (
    Stage(
        name="pretrain train",
        folder=f"{PRETRAINED}/{{model}}",
        title="pretrain: {model}",
        each=_models,
        spec=_train,
        cost=Cost(TORCH, 4, seconds=120),
        resumes=True,
    ),
    Stage(
        name="pretrain baselines",
        folder="{results}/pretrain/baselines",
        title="measure features without pretraining",
        each=lambda config: once(config) if config.pretrain else (),
        spec=_baselines,
        cost=Cost(TORCH, 4, seconds=50, speed=2e5),
        threads=lambda plan, wildcards: 16,
    ),
)
