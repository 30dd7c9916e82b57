"""Stage descriptions, declared in each section's `jobs.py` and read by planning, rules and tracking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from darkroom.settings import Section

if TYPE_CHECKING:
    from darkroom.config.model import Config
    from darkroom.planning.sources import Sources

Wildcards = Mapping[str, str]
Part = TypeVar("Part", bound=Section)


class Job(NamedTuple):
    """One job: a stage and the value of each of its wildcards."""

    stage: str
    wildcards: Wildcards = {}


class Planned(Protocol):
    """What a stage's functions read from a `Plan`."""

    @property
    def config(self) -> Config: ...
    @property
    def results(self) -> str: ...
    @property
    def sources(self) -> Sources: ...
    @property
    def jobs(self) -> Sequence[Job]: ...
    def jobs_of(self, stage: str) -> Sequence[Job]: ...
    def folder(self, stage: str, **wildcards: Any) -> str: ...


@dataclass(frozen=True)
class Within:
    """Input made of several jobs' folders, passed as their common parent folder."""

    folder: str
    """A template like `Stage.folder`."""
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Cost:
    """What a stage takes; memory without that of a training, rounded up from `benchmarks/memory.py`."""

    base: int
    """Megabytes before any data."""
    per_mb: float
    """Megabytes per megabyte of images."""
    seconds: float
    """Processor seconds of a job of the default run, from `benchmarks/workflow.py`: the longest chain of jobs goes first."""
    speed: float = 2e6
    """Image values processed per second."""


LIGHT = 900
TORCH = 2400
"""Megabytes before any data, without and with torch: two Snakemake processes around the job, its libraries, and the sender
of all tracking, which one job of several carries."""

PREPARED = Job("data prepare")
"""Job that prepares the images and labels read by nearly every stage."""


def once(config: Config) -> Iterable[Wildcards]:
    """Return the wildcards of a stage with a single job: none."""
    return ({},)


def one(plan: Planned, wildcards: Wildcards) -> int:
    """Return the threads of a stage that uses one."""
    return 1


def prepared(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    """Return the inputs of a stage that reads only the prepared images."""
    return {"data": PREPARED}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A kind of job. `darkroom SECTION STEP` runs `run` of the module `darkroom.SECTION.STEP`; the rule is `SECTION_STEP`."""

    name: str
    """`SECTION STEP`."""
    folder: str
    """Output folder of a job: a template of `{data}`, `{results}` and the stage's wildcards."""
    title: str
    """What Snakemake prints for a job: a template of `{name}`, `{results}` and the wildcards."""
    spec: Callable[[Planned, Wildcards], Section]
    """The resolved settings of a job."""
    cost: Cost
    each: Callable[[Config], Iterable[Wildcards]] = once
    """Return the wildcards of every job that a config requests."""
    inputs: Callable[[Planned, Wildcards], Mapping[str, Job | Within | None]] = prepared
    """Inputs of a job by command option, images first; None omits an option."""
    threads: Callable[[Planned, Wildcards], int] = one
    """How many CPU threads a job can use without a change of its result; a training says so in its spec."""
    resumes: bool = False
    """Whether the command takes `--checkpoints` and resumes from there."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """MLflow tag names of wildcards that are named differently there."""
    shared: str = ""
    """The MLflow experiment of its runs if all configs share its results; without it, a config's own."""

    @property
    def section(self) -> str:
        return self.name.split()[0]

    @property
    def module(self) -> str:
        """The module whose `run` does the work."""
        return f"darkroom.{self.name.replace(' ', '.')}"


def part(model: type[Part], section: Section, **more: Any) -> Part:
    """Build a job's spec from the section's values that it has fields for."""
    shared = model.model_fields.keys() & section.__class__.model_fields.keys()
    return model(**{name: getattr(section, name) for name in shared}, **more)


def fields(section: Section) -> dict[str, Any]:
    """Return a section's values unchanged, to pass to a model with the same fields."""
    return {name: getattr(section, name) for name in section.__class__.model_fields}
