"""Jobs that choose settings of classifiers: the learning-rate range test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.classify.config import TrainSpec
from darkroom.classify.training_jobs import automatic, inputs, policies, section, trained
from darkroom.fit.config import Training
from darkroom.job.stage import TORCH, Cost, Job, Planned, Stage, Wildcards, Within

if TYPE_CHECKING:
    from darkroom.config.model import Config

SWEPT = ("batch_size", "optimizer", "precision", "accelerator", "clip", "threads")
"""Settings of a training that change the loss of its first steps."""


def _ranges(config: Config) -> Iterable[Wildcards]:
    models = config.classify.models if config.classify else {}
    return (
        {"policy": policy, "model": name}
        for name, model in models.items()
        if automatic(model)
        for policy in policies(config)
    )


def _range(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    found = trained(plan, {**wildcards, "seed": str(section(plan).seeds[0])})
    training = Training(**{name: getattr(found.training, name) for name in SWEPT})
    return found.model_copy(update={"training": training, "ema": None, "mixing_off": 0.0})


def _range_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {name: read for name, read in inputs(plan, wildcards).items() if name != "rate"}


STAGES = (
    Stage(
        name="classify lr_range",
        folder="{results}/classify/{policy}/{model}/lr_range",
        title="find the learning rate of classifier: {model} on {policy}",
        each=_ranges,
        spec=_range,
        inputs=_range_inputs,
        cost=Cost(TORCH, 4, seconds=10),
    ),
)
