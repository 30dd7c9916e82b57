"""The jobs of the `classify` section; the others are in `training_jobs`, `tuning_jobs` and `search_jobs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.classify import search_jobs, training_jobs, tuning_jobs
from darkroom.classify.config import EvaluateSpec, ExplainedClassifier, ExplainSpec
from darkroom.classify.training_jobs import MOST_WORKERS, SEED, section, seeds
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, once

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _evaluate(plan: Planned, wildcards: Wildcards) -> EvaluateSpec:
    classify = section(plan)
    shared = {key: getattr(classify, key) for key in ("tta", "tta_merge", "resamples", "costs")}
    network = classify.classifier(wildcards["model"]).network
    return EvaluateSpec(network=network, seed=int(wildcards["seed"]), **shared)


def _first_seeds(config: Config) -> list[Wildcards]:
    return [one for one in seeds(config) if config.classify and one["seed"] == str(config.classify.seeds[0])]


def _explained_once(config: Config) -> Iterable[Wildcards]:
    return once(config) if config.classify and config.data.kind == "image" else ()


def _explain(plan: Planned, wildcards: Wildcards) -> ExplainSpec:
    return ExplainSpec(
        classifiers=[
            ExplainedClassifier(
                policy=one["policy"],
                model=one["model"],
                folder="{policy}/{model}/seed-{seed}".format(**one),
                network=section(plan).classifier(one["model"]).network,
            )
            for one in _first_seeds(plan.config)
        ]
    )


def _workers(plan: Planned, wildcards: Wildcards) -> int:
    """Return how many threads an evaluation keeps busy: a small network leaves its core to other jobs."""
    return MOST_WORKERS if section(plan).classifier(wildcards["model"]).transfer else 1


def _model(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "model": Job("classify train", wildcards)}


def _classifiers(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within]:
    needed = (Job(f"classify {step}", one) for one in _first_seeds(plan.config) for step in ("train", "evaluate"))
    return {
        "data": PREPARED,
        "attributes": Job("data attributes"),
        "classifiers": Within("{results}/classify", tuple(needed)),
    }


STAGES = (
    *training_jobs.STAGES,
    Stage(
        name="classify evaluate",
        folder=f"{SEED}/evaluation",
        title="evaluate classifier: {model} on {policy}, seed {seed}",
        each=seeds,
        spec=_evaluate,
        inputs=_model,
        cost=Cost(TORCH, 4, seconds=4),
        threads=_workers,
    ),
    Stage(
        name="classify explain",
        folder="{results}/explanation",
        title="explain the classifiers of {name}",
        each=_explained_once,
        spec=_explain,
        inputs=_classifiers,
        cost=Cost(TORCH, 4, seconds=8),
    ),
    *tuning_jobs.STAGES,
    *search_jobs.STAGES,
)
