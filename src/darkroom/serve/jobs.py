"""The jobs of the `registry` section of the config: one package per model to register."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from darkroom.detect.jobs import tasks
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, part
from darkroom.report.config import ClassifierEntry, DetectorEntry
from darkroom.serve.registry.config import Card, PackageSpec

if TYPE_CHECKING:
    from darkroom.config.model import Config

CLASSIFIERS = ("classify train", "classify evaluate")
DETECTORS = ("detect fit", "detect evaluate")


def registered(config: Config) -> dict[str, str | None]:
    """Map the names in the registry to the task of their detectors, None for the classifier."""
    if config.registry is None:
        return {}
    named = config.registry.detectors
    found: dict[str, str | None] = {}
    if config.classify:
        found[config.registry.classifier or f"{config.name}-classifier"] = None
    return found | {named.get(task, f"{config.name}-{task}"): task for task in tasks(config)}


def _each(config: Config) -> Iterable[Wildcards]:
    return ({"model": name} for name in registered(config))


def _seeds(plan: Planned, task: str | None, steps: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the wildcards of each model to choose from, with the folders of its training and its evaluation."""
    training, evaluating = steps
    for _, wildcards in plan.jobs_of(evaluating):
        if task is not None and wildcards["task"] != task:
            continue
        model, evaluation = (
            PurePath(plan.folder(step, **wildcards)).relative_to(plan.results).as_posix()
            for step in (training, evaluating)
        )
        yield {**wildcards, "seed": int(wildcards["seed"]), "model_folder": model, "evaluation_folder": evaluation}


def _spec(plan: Planned, wildcards: Wildcards) -> PackageSpec:
    section = plan.config.registry
    assert section, "a config without the section has none of its jobs"
    name, task = wildcards["model"], registered(plan.config)[wildcards["model"]]
    known: dict[str, Any] = {"name": plan.config.name, "registered": name, "card": part(Card, section)}
    if task is None:
        found = [ClassifierEntry(**entry) for entry in _seeds(plan, None, CLASSIFIERS)]
        return PackageSpec(kind="classifier", classifiers=found, **known)
    normal, contamination = tasks(plan.config)[task]
    of_task = {"normal": normal, "contamination": contamination}
    detectors = [DetectorEntry(**entry, **of_task) for entry in _seeds(plan, task, DETECTORS)]
    return PackageSpec(kind="detector", detectors=detectors, **known)


def _inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within]:
    task = registered(plan.config)[wildcards["model"]]
    needed = tuple(
        job
        for step in (CLASSIFIERS if task is None else DETECTORS)
        for job in plan.jobs_of(step)
        if task is None or job.wildcards["task"] == task
    )
    return {"data": PREPARED, "results": Within("{results}", needed)}


STAGES = (
    Stage(
        name="serve package",
        folder="{results}/registry/{model}",
        title="package {model} for the registry",
        each=_each,
        spec=_spec,
        inputs=_inputs,
        cost=Cost(TORCH, 4, seconds=15),
    ),
)
