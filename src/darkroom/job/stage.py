"""How a section describes its stages, in its file `jobs.py`: the one place that planning, rules and tracking read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from darkroom.settings import Section

if TYPE_CHECKING:
    from darkroom.config.load import Config
    from darkroom.planning.plan import Plan

Wildcards = Mapping[str, str]
Part = TypeVar("Part", bound=Section)


class Job(NamedTuple):
    """One job: a stage and the value of each of its wildcards."""

    stage: str
    wildcards: Wildcards = {}


@dataclass(frozen=True)
class Within:
    """An input that consists of several jobs' folders, passed on as the folder that holds them all."""

    folder: str
    """A template, as `Stage.folder` is."""
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Cost:
    """What a stage takes; memory without that of a training, rounded up from `benchmarks/memory.py`."""

    base: int
    """Megabytes before any data."""
    per_mb: float
    """Megabytes for each megabyte of images."""
    seconds: float
    """Processor seconds of a job of the default run, from `benchmarks/workflow.py`: the longest chain of jobs goes first."""
    speed: float = 2e6
    """Values of images that it works through in a second."""


LIGHT = 900
TORCH = 2400
"""Megabytes before any data, without and with torch: two Snakemake processes around the job, its libraries, and the sender
of all tracking, which one job of several carries."""

PREPARED = Job("data prepare")
"""The images and labels that nearly every stage reads."""


def once(config: Config) -> Iterable[Wildcards]:
    """The wildcards of a stage that has one job and none of them."""
    return ({},)


def prepared(plan: Plan, wildcards: Wildcards) -> Mapping[str, Job]:
    """The inputs of a stage that reads the prepared images alone."""
    return {"data": PREPARED}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A kind of job. `darkroom SECTION STEP` runs `run` of the module `darkroom.SECTION.STEP`; the rule is `SECTION_STEP`."""

    name: str
    """`SECTION STEP`."""
    folder: str
    """Where a job writes: a template of `{data}`, `{results}` and the stage's wildcards."""
    title: str
    """What Snakemake prints for a job: a template of `{name}`, `{results}` and the wildcards."""
    spec: Callable[[Plan, Wildcards], Section]
    """The resolved settings of a job."""
    cost: Cost
    each: Callable[[Config], Iterable[Wildcards]] = once
    """The wildcards of every job that a config asks for."""
    inputs: Callable[[Plan, Wildcards], Mapping[str, Job | Within | None]] = prepared
    """What a job reads, by option of its command, the images first; None leaves an option out."""
    resumes: bool = False
    """Whether the command takes `--checkpoints` and goes on from there."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What a wildcard is called in MLflow, where it has another name there."""

    @property
    def section(self) -> str:
        return self.name.split()[0]

    @property
    def module(self) -> str:
        """The module whose `run` does the work."""
        return f"darkroom.{self.name.replace(' ', '.')}"


def part(model: type[Part], section: Section, **more: Any) -> Part:
    """A job's spec from those values of a section that it has fields for."""
    shared = model.model_fields.keys() & section.__class__.model_fields.keys()
    return model(**{name: getattr(section, name) for name in shared}, **more)


def fields(section: Section) -> dict[str, Any]:
    """A section's values as they are, to pass on to a model with the same fields."""
    return {name: getattr(section, name) for name in section.__class__.model_fields}
