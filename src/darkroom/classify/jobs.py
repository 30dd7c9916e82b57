"""The jobs of the `classify` section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.augment.config import NONE, OnlineSpec
from darkroom.augment.jobs import copies
from darkroom.classify.config import Classify, EvaluateSpec, TrainSpec
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, fields
from darkroom.nets import pretrained

if TYPE_CHECKING:
    from darkroom.config.load import Config

SEED = "{results}/classify/{policy}/{model}/seed-{seed}"


def policies(config: Config) -> list[str]:
    """Return the policies that classifiers train under, in config order."""
    if config.classify is None:
        return []
    return [NONE, *config.augment] if config.classify.policies is None else config.classify.policies


def _seeds(config: Config) -> Iterable[Wildcards]:
    return (
        {"policy": policy, "model": model, "seed": str(seed)}
        for section in [config.classify]
        if section is not None
        for model in section.models
        for policy in policies(config)
        for seed in section.seeds
    )


def _section(plan: Planned) -> Classify:
    assert plan.config.classify, "a config without the section has none of its jobs"
    return plan.config.classify


def _train(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    policy = plan.config.augment.get(wildcards["policy"])
    online = policy.online_spec if policy else OnlineSpec()
    classifier = _section(plan).models[wildcards["model"]]
    backbone = pretrained.fingerprints(classifier.network)
    return TrainSpec(seed=int(wildcards["seed"]), policy=online, backbone=backbone, **fields(classifier))


def _evaluate(plan: Planned, wildcards: Wildcards) -> EvaluateSpec:
    section = _section(plan)
    shared = {key: getattr(section, key) for key in ("tta", "tta_merge", "resamples")}
    network = section.models[wildcards["model"]].network
    return EvaluateSpec(network=network, seed=int(wildcards["seed"]), **shared)


def _images(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | None]:
    return {"data": PREPARED, "copies": copies(plan.config, wildcards["policy"])}


def _model(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "model": Job("classify train", wildcards)}


STAGES = (
    Stage(
        name="classify train",
        folder=f"{SEED}/model",
        title="train classifier: {model} on {policy}, seed {seed}",
        each=_seeds,
        spec=_train,
        inputs=_images,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
    Stage(
        name="classify evaluate",
        folder=f"{SEED}/evaluation",
        title="evaluate classifier: {model} on {policy}, seed {seed}",
        each=_seeds,
        spec=_evaluate,
        inputs=_model,
        cost=Cost(TORCH, 4, seconds=4),
    ),
)
