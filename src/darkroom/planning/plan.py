"""Jobs of a config: what each reads and writes, and the spec and code that determine whether it is stale."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from darkroom import files, settings
from darkroom.config.model import Config
from darkroom.fit.config import Training
from darkroom.job import provenance
from darkroom.job.stage import Job, Within
from darkroom.planning import needs
from darkroom.planning.sections import sections, stages
from darkroom.planning.sources import Sources
from darkroom.settings import Section

LONGEST_ARGUMENT = 100_000
"""In bytes; Linux limits an argument to 128 KiB, and a shell command is a single argument."""


class Plan:
    """The jobs of one config. Methods take a stage and its wildcards: `plan.spec("generate train", model="vae", seed=0)`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.data = f"data/{config.name}"
        self.results = f"results/{config.name}"
        self.sections, self.stages = sections(), stages()
        self.sources = Sources(config.data.source, Path(self.data, ".fingerprint.json"))
        self._specs: dict[tuple[str, ...], Section] = {}
        self._jobs: dict[str, tuple[Job, ...]] = {}
        self._names: dict[str, Mapping[str, dict[str, None]]] = {}

    @functools.cached_property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, grouped by section."""
        return tuple(job for stage in self.stages for job in self.jobs_of(stage))

    def jobs_of(self, stage: str) -> tuple[Job, ...]:
        """Return the jobs of one stage, in config order."""
        if stage not in self._jobs:
            self._jobs[stage] = tuple(Job(stage, wildcards) for wildcards in self.stages[stage].each(self.config))
        return self._jobs[stage]

    def check(self, stage: str, **wildcards: Any) -> None:
        """Raise ValueError, listing the valid names, for a wildcard value not in the config; any seed is accepted."""
        for wildcard, value in wildcards.items():
            names = self._known(stage).get(wildcard, ())
            if str(value) not in names and (wildcard != "seed" or not names):
                hint = settings.nearest(str(value), names)
                there = f"There are: {', '.join(names)}" if names else f"{self.config.name} has none"
                raise ValueError(f'{stage}: no {wildcard} "{value}".{hint} {there}')

    def _known(self, stage: str) -> Mapping[str, dict[str, None]]:
        """Return the values of each wildcard of a stage, as a dict for ordered, fast look-up."""
        if stage not in self._names:
            jobs = self.jobs_of(stage)
            wildcards = jobs[0].wildcards if jobs else ()
            self._names[stage] = {key: dict.fromkeys(job.wildcards[key] for job in jobs) for key in wildcards}
        return self._names[stage]

    def template(self, text: str) -> str:
        """Fill in `{name}`, `{data}` and `{results}` in a stage's template, leaving its wildcards unchanged."""
        known = {"{name}": self.config.name, "{data}": self.data, "{results}": self.results}
        for key, value in known.items():
            text = text.replace(key, value)
        return text

    def folder(self, stage: str, **wildcards: Any) -> str:
        """Return the output folder of a job."""
        return self.template(self.stages[stage].folder).format(**wildcards)

    def title(self, stage: str, **wildcards: Any) -> str:
        """Return the job title that Snakemake prints."""
        return self.template(self.stages[stage].title).format(**wildcards)

    def inputs(self, stage: str, **wildcards: Any) -> Iterator[tuple[str, str, tuple[Job, ...]]]:
        """Return a job's inputs: the command option, the folder to pass, and the jobs that make it."""
        wild = {key: str(value) for key, value in wildcards.items()}
        for option, read in self.stages[stage].inputs(self, wild).items():
            match read:
                case Job():
                    yield option, self.folder(read.stage, **read.wildcards), (read,)
                case Within(folder, jobs):
                    yield option, self.template(folder), jobs

    def options(self, stage: str, **wildcards: Any) -> str:
        """Return a job's command-line options except `--spec` and `--out`: inputs, checkpoint folder and MLflow tags."""
        renamed = self.stages[stage].tags
        experiment = self.stages[stage].shared or self.config.name
        tags = {"dataset": experiment, **{renamed.get(key, key): value for key, value in wildcards.items()}}
        words = [f"--{option} {folder}" for option, folder, _ in self.inputs(stage, **wildcards)]
        if self.stages[stage].resumes:
            words.append(f"--checkpoints {self.results}/checkpoints")
        return " ".join([*words, "--tags", *(f"{key}={value}" for key, value in tags.items())])

    def spec(self, stage: str, **wildcards: Any) -> str:
        """Return the resolved spec of a job as JSON with sorted keys."""
        text = files.canonical(self.resolved(stage, **wildcards).model_dump(mode="json"))
        return text.replace("<", "\\u003c")  # Snakemake's report embeds it in a script unescaped

    def argument(self, stage: str, **wildcards: Any) -> str:
        """Return the spec as a command-line argument: the JSON, or `@FILE` with a file written here if it is too long."""
        spec = self.spec(stage, **wildcards)
        if len(spec.encode()) <= LONGEST_ARGUMENT:
            return spec
        path = Path(self.results, ".specs", f"{hashlib.sha256(spec.encode()).hexdigest()[:16]}.json")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, json.loads(spec))
        return f"@{path}"

    def resolved(self, stage: str, **wildcards: Any) -> Section:
        """Return the spec of a job as a model. Raises ValueError like `check`."""
        wild = {key: str(value) for key, value in wildcards.items()}
        key = (stage, *(text for pair in sorted(wild.items()) for text in pair))
        if key not in self._specs:
            self.check(stage, **wild)
            self._specs[key] = self.stages[stage].spec(self, wild)
        return self._specs[key]

    def code(self, stage: str, **wildcards: Any) -> str:
        """What else makes the job stale: a hash of its code, and the versions of the libraries which that imports."""
        return _code(self._roots(stage, **wildcards))

    def record(self, stage: str, **wildcards: Any) -> dict[str, Any]:
        """Return the record of a job's result if made now; see `provenance.record`."""
        return {
            "spec": self.resolved(stage, **wildcards).model_dump(mode="json"),
            **_code_record(self._roots(stage, **wildcards)),
        }

    def _roots(self, stage: str, **wildcards: Any) -> frozenset[str]:
        return provenance.roots(self.stages[stage].module, self.resolved(stage, **wildcards))

    def _training(self, stage: str, wildcards: Mapping[str, Any]) -> Training | None:
        return getattr(self.resolved(stage, **wildcards), "training", None)

    def threads(self, stage: str, **wildcards: Any) -> int:
        """Return the number of CPU threads that a job requests per node."""
        if training := self._training(stage, wildcards):
            return training.threads * training.devices
        return self.stages[stage].threads(self, {key: str(value) for key, value in wildcards.items()})

    @functools.cached_property
    def priorities(self) -> Mapping[str, int]:
        """Of each stage, the processor seconds from the start of its jobs to the report on the longest way: of the jobs that
        could run next, Snakemake takes those with the most."""
        readers: dict[str, set[str]] = defaultdict(set)
        for stage, wildcards in self.jobs:
            for _, _, made in self.inputs(stage, **wildcards):
                for source in {job.stage for job in made} - {stage}:  # a classifier may learn from another
                    readers[source].add(stage)

        @functools.cache
        def left(stage: str) -> float:
            return self.stages[stage].cost.seconds + max(map(left, readers[stage]), default=0.0)

        return {stage: round(left(stage)) for stage in self.stages}

    @functools.cached_property
    def together(self) -> bool:
        """Return whether any model trains in several processes."""
        return any(needs.processes(training) for training in _trainings(self.config))

    def processes(self, stage: str, **wildcards: Any) -> dict[str, int | str]:
        """Return the cluster resources for a multi-process job; empty for a single process."""
        return needs.processes(self._training(stage, wildcards))

    def need(self, stage: str, inputs: list[str], attempt: int, **wildcards: Any) -> needs.Need:
        """Return a job's cluster resources for an attempt (1, 2, ...); `inputs[0]` is the manifest of its images.

        Raises FileNotFoundError as long as that is not made.
        """
        images = needs.images_beside(Path(inputs[0])) if inputs else needs.Images(1, self.sources.bytes)
        return needs.need(self.stages[stage].cost, images, self._training(stage, wildcards), attempt)


def _trainings(value: Any) -> Iterator[Training]:
    """Yield every `training` section of a config, at any depth."""
    if isinstance(value, Training):
        yield value
    elif isinstance(value, BaseModel):
        for field in value.__class__.model_fields:
            yield from _trainings(getattr(value, field))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _trainings(item)


@functools.cache
def _code(roots: frozenset[str]) -> str:
    versions = (f"{name}={version}" for name, version in provenance.libraries(roots).items())
    return " ".join([provenance.code(roots), *versions])


@functools.cache
def _code_record(roots: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in provenance.record(None, roots).items() if key != "spec"}
