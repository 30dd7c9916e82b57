"""One config file: its sections composed, loaded and explained when wrong. Only the workflow and the command line read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from darkroom import settings
from darkroom.augment.config import NONE, Policy
from darkroom.classify.config import Classify
from darkroom.data.config import Data
from darkroom.detect.config import Detect
from darkroom.generate.config import Generate
from darkroom.settings import Name, Section


class Tracking(Section):
    """Where runs are logged."""

    uri: str = "sqlite:///results/mlflow.db"
    """An MLflow tracking URI; the environment variable MLFLOW_TRACKING_URI wins. File stores are not supported by MLflow."""


class Config(Section):
    """One data set and everything to do with it. A section left out is a stage left out."""

    name: Name
    """The data set's folder in `data/` and `results/`, and its MLflow experiment."""
    data: Data
    """Where the images come from and how they are split."""
    augment: dict[Name, Policy] = {}
    """Offline augmentation policies by name."""
    classify: Annotated[Classify | None, Field()] = None
    """Classifiers; `classify: {}` takes every default."""
    generate: Annotated[Generate | None, Field()] = None
    """Generative models; `generate: {}` takes every default."""
    detect: Annotated[Detect | None, Field()] = None
    """Anomaly detectors."""
    tracking: Tracking = Tracking()
    """MLflow."""

    @model_validator(mode="after")
    def _policies_exist(self) -> Self:
        if NONE in self.augment:
            raise ValueError(f'augment.{NONE}: the policy "{NONE}" always exists and changes nothing; use another name')
        for index, policy in enumerate(self.classify.policies or [] if self.classify else []):
            if policy != NONE and policy not in self.augment:
                known = [NONE, *self.augment]
                hint = settings.nearest(policy, known)
                raise ValueError(
                    f'classify.policies[{index}]: no policy "{policy}";{hint} There are: {", ".join(known)}'
                )
        return self


class ConfigError(ValueError):
    """A config that cannot be used: one line a problem, with where, what was got and what was expected."""


def load(raw: Any, *, path: str) -> Config:
    """Check a config as read from YAML. Raises ConfigError naming every problem; `path` is the file to name in it."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{path}: expected keys such as name and data, got {_shown(raw)}")
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        lines = list(dict.fromkeys(_explain(problem, raw) for problem in error.errors()))
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise ConfigError("\n".join([f"{path}: {count}", *(f"  {line}" for line in lines)])) from None


def read(path: Path) -> Config:
    """Read and check a config file. Raises ConfigError."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return load(raw, path=str(path))


def _explain(problem: ErrorDetails, raw: Any) -> str:
    where, parent = _place(problem["loc"], raw)
    got, context, message = problem["input"], problem.get("ctx", {}), problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            known = _keys(problem["loc"][:-1], raw)
            hint = settings.nearest(str(problem["loc"][-1]), known)
            listed = f" The keys here are: {', '.join(known)}" if known else ""
            return f"{where}: no such key.{hint}{listed}"
        case "missing":
            return f"{where}: missing; it has no default"
        case "value_error":
            text = str(context.get("error", message))
            return f"{where}: {text}" if where else text
        case "string_pattern_mismatch":
            return f"{where}: got {_shown(got)}; a name is letters, digits, - and _ (at most 64)"
        case "literal_error":
            expected = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
            return f"{where}: got {_shown(got)}; expected one of {expected}.{settings.nearest(str(got), expected.split(', '))}"
        case _:
            return f"{where}: got {_shown(got)}; {message[0].lower()}{message[1:]}"


def _place(location: tuple[int | str, ...], raw: Any) -> tuple[str, Any]:
    """The key path as the user wrote it: pydantic's own steps (the chosen plug-in, a dict's `[key]`) left out."""
    text, value = "", raw
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(step, int):
            text += f"[{step}]"
            value = value[step] if isinstance(value, list) and step < len(value) else None
        elif step == "[key]":
            continue
        elif isinstance(value, Mapping) and step in value:
            text, value = f"{text}.{step}" if text else step, value[step]
        elif last or _is_key(step, location[position + 1 :], value):
            text, value = f"{text}.{step}" if text else step, None
    return text, value


def _is_key(step: str, rest: tuple[int | str, ...], value: Any) -> bool:
    """Whether a step that the raw config lacks is a key filled in by a default, and not the name of a plug-in."""
    plugin_step = isinstance(value, str) or (
        isinstance(value, Mapping) and value.get("name", step) == step and bool(rest)
    )
    return not plugin_step


def _keys(location: tuple[int | str, ...], raw: Any) -> list[str]:
    """The keys that the model at this place of the config has."""
    from darkroom.reference import model_at

    model = model_at(Config, location)
    return sorted(model.model_fields) if model else []


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    kind = {"NoneType": "nothing", "dict": "keys", "list": "a list"}.get(type(value).__name__, type(value).__name__)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{text} ({kind})" if value is not None else "nothing"
