"""The job of the `report` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from darkroom.detect.jobs import tasks
from darkroom.job.stage import LIGHT, PREPARED, Cost, Job, Planned, Stage, Wildcards, Within
from darkroom.report.config import BuildSpec, ClassifierEntry, DetectorEntry, GeneratorEntry, ResultEntry

NOT_SHOWN = {
    "audit train",
    "classify fold",
    "classify share",
    "classify trial",
    "data attributes",
    "data fetch",
    "explore embed",
    "generate fold",
    "generate judge",
    "report build",
    "reproduce classify",
    "reproduce detect",
    "reproduce gain",
    "reproduce page",
    "serve package",
    "study book",
    "study run",
    "weights fetch",
}
"""Stages whose results the page does not read, as they only feed other stages or have pages of their own."""


def _spec(plan: Planned, wildcards: Wildcards) -> BuildSpec:
    found = tasks(plan.config)

    def folder(stage: str, wildcards: Wildcards) -> str:
        return PurePath(plan.folder(stage, **wildcards)).relative_to(plan.results).as_posix()

    def entries(stage: str, name: str = "{policy}") -> list[ResultEntry]:
        return [
            ResultEntry(name=name.format(**{"policy": "", **job.wildcards}), folder=folder(*job))
            for job in plan.jobs_of(stage)
        ]

    def seeds(evaluating: str, training: str) -> Iterator[dict[str, Any]]:
        for stage, wildcards in plan.jobs_of(evaluating):
            places = {"model_folder": folder(training, wildcards), "evaluation_folder": folder(stage, wildcards)}
            yield {**wildcards, "seed": int(wildcards["seed"]), **places}

    return BuildSpec(
        name=plan.config.name,
        config=plan.config.model_dump(mode="json", exclude={"name", "tracking", "registry"}, exclude_none=True),
        policies=entries("augment apply"),
        card=next(iter(entries("data card")), None),
        sheets=entries("augment sheet"),
        synthetic=entries("generate synthesize"),
        gallery=next(iter(entries("augment gallery")), None),
        audits=entries("audit measure"),
        labels=next(iter(entries("labels find")), None),
        corrected=next(iter(entries("labels effect")), None),
        clusterings=entries("explore cluster", "{embedding}"),
        simulations=entries("suggest simulate", "{acquisition}/{seed}"),
        ladder=next(iter(entries("ladder climb")), None),
        classifiers=[ClassifierEntry(**entry) for entry in seeds("classify evaluate", "classify train")],
        pretrainings=entries("pretrain train", "{model}"),
        pretrain_baselines=next(iter(entries("pretrain baselines")), None),
        lr_ranges=entries("classify lr_range", "{model} + {policy}"),
        cross_validation=next(iter(entries("classify cross_validate")), None),
        learning_curve=next(iter(entries("classify learning_curve")), None),
        searches=entries("classify search", "{search}"),
        explanation=next(iter(entries("classify explain")), None),
        generators=[GeneratorEntry(**entry) for entry in seeds("generate evaluate", "generate train")],
        detectors=[
            DetectorEntry(**entry, normal=found[entry["task"]][0], contamination=found[entry["task"]][1])
            for entry in seeds("detect evaluate", "detect fit")
        ],
    )


def _everything(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within]:
    shown = tuple(job for job in plan.jobs if job.stage not in NOT_SHOWN and job != PREPARED)
    return {"data": PREPARED, "results": Within("{results}", shown)}


STAGES = (
    Stage(
        name="report build",
        folder="{results}/report",
        title="write {results}/report/index.html",
        spec=_spec,
        inputs=_everything,
        cost=Cost(LIGHT, 0, seconds=1),
    ),
)
