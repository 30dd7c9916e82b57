"""Read `published/*.yaml`: experiments, what they need, and the published values that they are compared with."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from darkroom.config import explain, strict_yaml
from darkroom.reproduce.config import ClassifySpec, DetectSpec, Experiment, GainSpec, Share, Value
from darkroom.settings import Name, Section, Sha256

FOLDER = Path(__file__).with_name("published")
SHOWN = "src/darkroom/reproduce/published"


class Data(Section):
    """A file or folder that experiments read."""

    sha256: Sha256
    get: str
    """The command that puts it there."""


class Note(Section):
    """What holds for a result wherever it occurs in a file."""

    differs: str = ""
    formula: str | None = None


class Entry(Note):
    """A published value, which may be from another source than the file's others."""

    value: Share
    source: str | None = None
    url: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, str) else value


class Declared(Section):
    """An experiment, under the name of the stage that runs it, and its published values by the key of our result."""

    title: str
    detect: DetectSpec | None = None
    classify: ClassifySpec | None = None
    gain: GainSpec | None = None
    published: dict[str, Entry] = Field(min_length=1)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self._steps) != 1:
            raise ValueError("expected one of detect, classify and gain")
        return self

    @property
    def _steps(self) -> list[str]:
        return [step for step in ("detect", "classify", "gain") if getattr(self, step) is not None]

    @property
    def step(self) -> str:
        """The stage that runs it."""
        return self._steps[0]

    @property
    def spec(self) -> Experiment:
        """The settings of that stage."""
        found: Experiment = getattr(self, self.step)
        return found


class Part(Section):
    """A file: a part of the page."""

    title: str
    about: str
    source: str
    url: str
    data: dict[str, Data] = {}
    """By the path that experiments read."""
    notes: dict[str, Note] = {}
    """By the key of a result."""
    experiments: dict[Name, Declared]

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, declared in self.experiments.items():
            path = declared.spec.path
            if path is not None and path not in self.data:
                raise ValueError(f"experiments.{name} reads {path}, which data does not list")
        return self

    def spec(self, name: str) -> Experiment:
        """Return the spec of an experiment's job, with the content that its data should have."""
        spec = self.experiments[name].spec
        return spec if spec.path is None else spec.model_copy(update={"sha256": self.data[spec.path].sha256})

    def values(self, name: str) -> list[Value]:
        """Return the published values of an experiment with all that the page says about them."""
        return [
            Value(
                key=key,
                published=entry.value,
                source=entry.source or self.source,
                url=entry.url or self.url,
                differs=entry.differs or self._note(key).differs,
                formula=entry.formula or self._note(key).formula,
            )
            for key, entry in self.experiments[name].published.items()
        ]

    def _note(self, key: str) -> Note:
        return self.notes.get(key, Note())


@functools.cache
def parts() -> dict[str, Part]:
    """Read all files, by name. Raises ValueError naming the file and every problem in it."""
    found = {path.stem: _part(path) for path in sorted(FOLDER.glob("*.yaml"))}
    names = [name for part in found.values() for name in part.experiments]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{SHOWN}: two experiments are named {', '.join(twice)}")
    return found


def _part(path: Path) -> Part:
    shown = f"{SHOWN}/{path.name}"
    try:
        raw = strict_yaml.read(path)
        if not isinstance(raw, Mapping):
            raise ValueError(f"{shown}: expected title, about, source, url, data, notes and experiments")
        return Part.model_validate(raw)
    except strict_yaml.YamlError as error:
        raise ValueError(f"{shown}: {error}") from None
    except ValidationError as error:
        raise ValueError("\n".join(f"{shown}: {line}" for line in explain.problems(error, Part, raw))) from None


def part(name: str) -> Part:
    """Return the file that has an experiment of that name."""
    return next(part for part in parts().values() if name in part.experiments)
