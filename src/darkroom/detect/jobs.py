"""The jobs of the `detect` section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from darkroom.classify.training_jobs import policies
from darkroom.detect.config import Detect, EvaluateSpec, FitSpec, classifiers, task_name
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, fields
from darkroom.nets import pretrained
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config

SEED = "{results}/detect/{task}/{detector}/seed-{seed}"
Task = tuple[tuple[str, ...], float]
"""The normal classes, and the fraction of anomalous images in the detectors' training set."""


def tasks(config: Config) -> dict[str, Task]:
    """Return all tasks by folder name, in config order."""
    if config.detect is None:
        return {}
    shares = config.detect.contamination
    return {task_name(normal, share): (normal, share) for normal in config.detect.normal for share in shares}


def _seeds(config: Config) -> Iterable[Wildcards]:
    return (
        {"task": task, "detector": name, "seed": str(seed)}
        for section in [config.detect]
        if section is not None
        for task in tasks(config)
        for name in section.detectors
        for seed in section.seeds
    )


def _section(plan: Planned) -> Detect:
    assert plan.config.detect, "a config without the section has none of its jobs"
    return plan.config.detect


def _classifier(plan: Planned, wildcards: Wildcards) -> Job | None:
    """Return the training job of the classifier that a detector uses as feature extractor, if any, with the detector's seed."""
    names = classifiers(_section(plan).detectors[wildcards["detector"]].detector)
    if not names:
        return None
    return Job("classify train", {"policy": policies(plan.config)[0], "model": names[0], "seed": wildcards["seed"]})


def _seen(plan: Planned, wildcards: Wildcards) -> dict[str, Any]:
    """Describe a detector's feature extractor for its spec, so that other weights make it stale."""
    detector = _section(plan).detectors[wildcards["detector"]].detector
    found = pretrained.fingerprints(detector)
    job = _classifier(plan, wildcards)
    if job is None or plan.config.classify is None:
        return {"backbone": found, "network": None}
    own = f"{job.wildcards['policy']}/{job.wildcards['model']}"
    network = plan.config.classify.models[job.wildcards["model"]].network
    return {"backbone": f"{found} {own}" if found else own, "network": network}


def _fit(plan: Planned, wildcards: Wildcards) -> FitSpec:
    normal, contamination = tasks(plan.config)[wildcards["task"]]
    detector = _section(plan).detectors[wildcards["detector"]]
    return FitSpec(
        normal=normal,
        contamination=contamination,
        seed=int(wildcards["seed"]),
        **_seen(plan, wildcards),
        **fields(detector),
    )


def _evaluate(plan: Planned, wildcards: Wildcards) -> EvaluateSpec:
    section = _section(plan)
    normal, _ = tasks(plan.config)[wildcards["task"]]
    shared = {key: getattr(section, key) for key in ("false_alarms", "recall", "threshold", "examples", "resamples")}
    return EvaluateSpec(
        detector=section.detectors[wildcards["detector"]].detector,
        normal=normal,
        seed=int(wildcards["seed"]),
        **_seen(plan, wildcards),
        **shared,
    )


def _fitted_on(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    detector = _section(plan).detectors[wildcards["detector"]].detector
    return {"data": PREPARED, "classifier": _classifier(plan, wildcards), "weights": fetched(detector)}


def _model(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "model": Job("detect fit", wildcards)}


STAGES = (
    Stage(
        name="detect fit",
        folder=f"{SEED}/model",
        title="fit detector: {detector} on {task}, seed {seed}",
        each=_seeds,
        spec=_fit,
        inputs=_fitted_on,
        cost=Cost(TORCH, 8, seconds=5),
        resumes=True,
        tags={"detector": "model"},
    ),
    Stage(
        name="detect evaluate",
        folder=f"{SEED}/evaluation",
        title="evaluate detector: {detector} on {task}, seed {seed}",
        each=_seeds,
        spec=_evaluate,
        inputs=_model,
        cost=Cost(TORCH, 8, seconds=4),
        tags={"detector": "model"},
    ),
)
