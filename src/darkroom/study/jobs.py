"""The jobs of the studies: one per study, and the booklet. They depend on no config but each study's own `config.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from darkroom import files, registry
from darkroom.config import explain, strict_yaml
from darkroom.job.stage import LIGHT, TORCH, Cost, Job, Planned, Stage, Wildcards, Within
from darkroom.settings import Section
from darkroom.study import contents
from darkroom.study.config import BookSpec, RunSpec

if TYPE_CHECKING:
    from darkroom.config.model import Config

FOLDER = "results/study"
"""Shared by all configs."""


def chosen(name: str) -> Section:
    """Read and check the `config.yaml` of a study. Raises ValueError naming the file and every problem in it."""
    path, model = contents.folder(name) / "config.yaml", registry.options("study", name)
    shown = f"src/darkroom/study/{name}/config.yaml"
    try:
        raw = strict_yaml.read(path) or {}
        if not isinstance(raw, Mapping) or "name" in raw:
            raise ValueError(f"{shown}: expected only the keys of the study: {', '.join(_keys(model))}")
        return model.model_validate({"name": name, **raw})
    except strict_yaml.YamlError as error:
        raise ValueError(f"{shown}: {error}") from None
    except ValidationError as error:
        raise ValueError("\n".join(f"{shown}: {line}" for line in explain.problems(error, model, raw))) from None


def _keys(model: type[Section]) -> list[str]:
    return [key for key in model.model_fields if key != "name"]


def _each(config: Config) -> Iterable[Wildcards]:
    return ({"study": name} for name in contents.studies())


def _run(plan: Planned, wildcards: Wildcards) -> RunSpec:
    return RunSpec(study=chosen(wildcards["study"]))


def _book(plan: Planned, wildcards: Wildcards) -> BookSpec:
    return BookSpec(pages={name: files.sha256(contents.page(name)) for name in contents.studies()})


def _no_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {}


def _all(plan: Planned, wildcards: Wildcards) -> Mapping[str, Within]:
    return {"results": Within(FOLDER, tuple(plan.jobs_of("study run")))}


STAGES = (
    Stage(
        name="study run",
        folder=f"{FOLDER}/{{study}}",
        title="run the study {study}",
        each=_each,
        spec=_run,
        inputs=_no_inputs,
        cost=Cost(TORCH, 0, seconds=60),
        shared="study",
    ),
    Stage(
        name="study book",
        folder=f"{FOLDER}/booklet",
        title=f"write {FOLDER}/booklet/index.html",
        spec=_book,
        inputs=_all,
        cost=Cost(LIGHT, 0, seconds=3),
        shared="study",
    ),
)
