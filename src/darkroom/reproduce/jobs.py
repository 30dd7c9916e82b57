"""The jobs that reproduce published results: one per experiment, and the page. They depend on no config."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom import files
from darkroom.job.stage import LIGHT, TORCH, Cost, Job, Planned, Stage, Wildcards, Within
from darkroom.reproduce.config import Chapter, Experiment, PageSpec, Shown
from darkroom.reproduce.published import Part, part, parts

if TYPE_CHECKING:
    from darkroom.config.model import Config

FOLDER = "results/reproduce"
"""Shared by all configs."""
SECONDS = {"detect": 10, "classify": 600, "gain": 300}
"""Processor seconds of an experiment of each stage."""


def _each(step: str) -> Callable[[Config], Iterable[Wildcards]]:
    def each(config: Config) -> Iterable[Wildcards]:
        for found in parts().values():
            yield from ({"experiment": name} for name, own in found.experiments.items() if own.step == step)

    return each


def _experiment(plan: Planned, wildcards: Wildcards) -> Experiment:
    name = wildcards["experiment"]
    return part(name).spec(name)


def _absent(spec: Experiment) -> bool:
    return spec.path is not None and files.local(spec.path) is None


def _shown(found: Part, name: str) -> Shown:
    own = found.experiments[name]
    path = own.spec.path
    return Shown(
        name=name,
        title=own.title,
        folder=f"{own.step}/{name}",
        path=path,
        get=found.data[path].get if path is not None else "",
        absent=_absent(own.spec),
        values=found.values(name),
    )


def _page(plan: Planned, wildcards: Wildcards) -> PageSpec:
    chapters = [
        Chapter(title=found.title, about=found.about, experiments=[_shown(found, name) for name in found.experiments])
        for found in parts().values()
    ]
    return PageSpec(chapters=chapters)


def _no_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {}


def _possible(plan: Planned, wildcards: Wildcards) -> Mapping[str, Within]:
    """All experiments whose data is there."""
    every = (job for step in SECONDS for job in plan.jobs_of(f"reproduce {step}"))
    there = (job for job in every if not _absent(_experiment(plan, job.wildcards)))
    return {"experiments": Within(FOLDER, tuple(there))}


STAGES = (
    *(
        Stage(
            name=f"reproduce {step}",
            folder=f"{FOLDER}/{step}/{{experiment}}",
            title="reproduce {experiment}",
            each=_each(step),
            spec=_experiment,
            inputs=_no_inputs,
            cost=Cost(TORCH, 0, seconds=seconds),
            shared="reproduce",
        )
        for step, seconds in SECONDS.items()
    ),
    Stage(
        name="reproduce page",
        folder=f"{FOLDER}/page",
        title="write the page of published results",
        spec=_page,
        inputs=_possible,
        cost=Cost(LIGHT, 0, seconds=1),
        shared="reproduce",
    ),
)
