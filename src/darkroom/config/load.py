"""One config file: its sections composed and loaded. Only the workflow and the command line read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from darkroom import files, registry, settings
from darkroom.audit.config import Audit
from darkroom.augment.config import NONE, Policy
from darkroom.augment.strength import operations, reach, strongest
from darkroom.classify.config import Classify
from darkroom.config import explain, photographs, strict_yaml
from darkroom.data.config import Data
from darkroom.detect.config import Detect, classifiers, members
from darkroom.generate.config import Generate
from darkroom.settings import Name, Section

MOST_PROBLEMS = 30
TEMPLATE = "__use_yte__"
"""The key that makes Snakemake take a YAML file for a template, before it reads the Snakefile."""


class Tracking(Section):
    """Where runs are logged."""

    uri: str = "sqlite:///results/mlflow.db"
    """An MLflow tracking URI, `sqlite:///` or `http`; the environment variable MLFLOW_TRACKING_URI wins."""


class Config(Section):
    """One data set and everything to do with it. A section left out is a stage left out."""

    name: Name
    """The data set's folder in `data/` and `results/`, and its MLflow experiment."""
    data: Data
    """Where the images come from and how they are split."""
    augment: dict[Name, Policy] = {}
    """Offline augmentation policies by name."""
    audit: Audit | None = None
    """What each policy does to the labels of each class; a bare `audit:` takes every default."""
    classify: Classify | None = None
    """Classifiers; a bare `classify:` takes every default."""
    generate: Generate | None = None
    """Generative models; a bare `generate:` takes every default."""
    detect: Detect | None = None
    """Anomaly detectors; a bare `detect:` takes every default."""
    tracking: Tracking = Tracking()
    """MLflow."""

    @model_validator(mode="before")
    @classmethod
    def _bare_sections(cls, value: Any) -> Any:
        return {key: {} if item is None else item for key, item in value.items()} if isinstance(value, dict) else value


class ConfigError(ValueError):
    """A config that cannot be used: one line a problem, with where, what was got and what was expected."""

    def __init__(self, path: str, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        listed = problems[:MOST_PROBLEMS]
        if len(problems) > len(listed):
            listed.append(f"and {len(problems) - len(listed)} more")
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{settings.printable(path, 200)}: {count}", *(f"  {line}" for line in listed)]))


def read(path: Path, *, need_data: bool = True) -> Config:
    """Read and check a config file; see `load`. Raises ConfigError."""
    return load(parse(path), path=str(path), need_data=need_data)


def parse(path: Path) -> Any:
    """The value in a YAML file, unchecked but for what YAML itself forbids or hides, such as a key given twice.

    Raises ConfigError.
    """
    try:
        value = strict_yaml.read(path)
    except strict_yaml.YamlError as error:
        raise ConfigError(str(path), [str(error)]) from None
    if isinstance(value, Mapping) and TEMPLATE in value:
        raise ConfigError(
            str(path), [f"{TEMPLATE}: Snakemake runs the Python in such a file; write the values themselves"]
        )
    return value


def load(raw: Any, *, path: str, need_data: bool = True) -> Config:
    """Check a config as read from YAML. `path` is the file to name in errors.

    Local data that the source names must exist, relative to the working directory, unless `need_data` is false.
    Raises ConfigError naming every problem.
    """
    if raw is None or raw == {}:
        raise ConfigError(path, ["empty; expected at least the keys name and data"])
    if faults := [_line(place, text) for place, text in strict_yaml.faults(raw)]:
        raise ConfigError(path, faults)
    if not isinstance(raw, Mapping):
        raise ConfigError(path, [f"got {settings.quoted(raw)}; expected keys such as name and data"])
    try:
        config = Config.model_validate(dict(photographs.fill(raw)))
    except ValidationError as error:
        raise ConfigError(path, explain.problems(error, Config, raw)) from None
    problems = (
        _policy_problems,
        _synthetic_problems,
        _label_problems,
        _detector_problems,
        _backbone_problems,
        _size_problems,
        *((_data_problems,) if need_data else ()),
    )
    if found := [problem for check in problems for problem in check(config)]:
        raise ConfigError(path, found)
    return config


def _policy_problems(config: Config) -> Iterator[str]:
    if NONE in config.augment:
        yield f'augment.{NONE}: the policy "{NONE}" always exists and changes nothing; use another name'
    changing = [name for name, policy in config.augment.items() if policy.offline or policy.online]
    if config.audit and config.audit.policies is None and not changing:
        yield "audit: no policy in augment transforms images; add one, or leave audit out"
    for index, policy in enumerate(config.audit.policies or [] if config.audit else []):
        if policy not in changing:
            hint = settings.choice(policy, changing)
            yield f'audit.policies[{index}]: no policy "{policy}" that transforms images.{hint}'
    known = [NONE, *config.augment]
    for index, policy in enumerate(config.classify.policies or [] if config.classify else []):
        if policy not in known:
            hint = settings.nearest(policy, known)
            yield f'classify.policies[{index}]: no policy "{policy}".{hint} There are: {", ".join(known)}'


def _synthetic_problems(config: Config) -> Iterator[str]:
    """Policies whose copies are drawn by a model that is not there."""
    models = config.generate.models if config.generate else {}
    for name, policy in config.augment.items():
        wanted = policy.synthetic
        if wanted is None:
            continue
        if wanted.model not in models:
            hint = settings.choice(wanted.model, list(models)) if models else " There is no section generate"
            yield f'augment.{name}.synthetic.model: no model "{wanted.model}" in generate.models.{hint}'
        elif config.generate and wanted.seed not in config.generate.seeds:
            known = ", ".join(map(str, config.generate.seeds))
            yield f"augment.{name}.synthetic.seed: {wanted.seed} is none of generate.seeds, which are {known}"


def _label_problems(config: Config) -> Iterator[str]:
    """Policies that go further than what `data.label_preserving` declares to keep the labels."""
    declared = config.data.label_preserving
    if not declared:
        return
    known = operations()
    for operation in declared.keys() - known:
        hint = settings.nearest(operation, known)
        yield f"data.label_preserving.{operation}: no such operation.{hint} There are: {', '.join(sorted(known))}"
    for name, policy in config.augment.items():
        for part in ("offline", "online"):
            for index, step in enumerate(getattr(policy, part)):
                for operation, told in _broken(declared, strongest(policy, step)):
                    if operation not in policy.allow_label_breaking:
                        yield (
                            f"augment.{name}.{part}[{index}]: {step.name} {told}; leave it out, make it weaker, or "
                            f"write allow_label_breaking: [{operation}] into augment.{name}"
                        )
    for index, step in enumerate(config.generate.judge.online if config.generate else []):
        for _, told in _broken(declared, reach(step)):
            name = step.name  # type: ignore[attr-defined]
            yield f"generate.judge.online[{index}]: {name} {told}; leave it out or make it weaker"
    for index, view in enumerate(config.classify.tta if config.classify else []):
        for _, told in _broken(declared, reach(view)):
            yield f"classify.tta[{index}]: {view.name} {told}; leave it out or make it weaker"  # type: ignore[attr-defined]


def _backbone_problems(config: Config) -> Iterator[str]:
    """Detectors that look through a classifier which is not there, or cannot be looked through."""
    section, trained = config.detect, config.classify
    models = trained.models if trained else {}
    seeds = trained.seeds if trained else ()
    for name, entry in section.detectors.items() if section else ():
        place, found = f"detect.detectors.{name}.detector", classifiers(entry.detector)
        for model in found:
            if model not in models:
                hint = settings.choice(model, list(models)) if models else " There is no section classify"
                yield f"{place}.classifier: no model {settings.quoted(model)} in classify.models.{hint}"
            elif "feature_maps" not in registry.entry(*models[model].network.plugin).methods:  # type: ignore[attr-defined]
                network = models[model].network.name  # type: ignore[attr-defined]
                yield f"{place}.classifier: {model} is a network {network}, which has no feature maps; name one with a resnet"
        if len(found) > 1:
            yield f"{place}: its detectors look through {' and '.join(found)}; let them look through one classifier"
        if any(getattr(part, "classifier", None) and part.weights for part in members(entry.detector)):  # type: ignore[attr-defined]
            yield f"{place}: got weights and classifier for one detector; leave one of them out"
        for seed in section.seeds if section and found and trained else ():
            if seed not in seeds:
                yield f"detect.seeds: {seed} is none of classify.seeds, and {name} looks through a classifier of its own seed"


def _detector_problems(config: Config) -> Iterator[str]:
    """Detectors that tell normal classes apart where there is but one."""
    section = config.detect
    if section is None or all(len(normal) > 1 for normal in section.normal):
        return
    index, (lone, *_) = next((i, normal) for i, normal in enumerate(section.normal) if len(normal) == 1)
    for name, entry in section.detectors.items():
        if "classifier" in [part.name for part in members(entry.detector)]:  # type: ignore[attr-defined]
            yield (
                f"detect.detectors.{name}.detector: classifier tells normal classes apart, but detect.normal[{index}] is "
                f"{settings.quoted(lone)} alone; list classes that are normal together, as in "
                '[["1", "2"]], or leave the detector out'
            )


def _broken(declared: Mapping[str, bool | float], reached: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """The operations that go further than declared, each with what to say of it."""
    for operation, far in reached.items():
        limit = declared.get(operation, True)
        if limit is False and far > 0:
            yield operation, f"does not keep the labels, as data.label_preserving.{operation} is false"
        elif limit is not True and far > limit + 1e-9:
            yield operation, f"goes to {far:g} where data.label_preserving.{operation} is {limit:g}"


def _size_problems(config: Config) -> Iterator[str]:
    size, limit = config.data.size, config.data.largest_side
    height, width = (size, size) if isinstance(size, int) else size or (1, 1)
    if max(height, width) > limit:
        yield (
            f"data.size: {height}×{width} takes {files.size(3 * height * width)} of memory per color image, and the limit is "
            f"{limit} pixels a side; to lift it, set data.largest_side: {max(height, width)}"
        )


def _data_problems(config: Config) -> Iterator[str]:
    for key in ("path", "root"):
        given = getattr(config.data.source, key, None)
        if given is None or "://" in given:
            continue
        if files.local(given) is None:
            hint = "" if Path(given).is_absolute() else f" in {Path.cwd()}"
            if not given.isprintable():
                hint += "; in double quotes YAML reads backslashes as escapes: write / or use single quotes"
            yield f"data.source.{key}: no file or folder at {settings.quoted(given, 200)}{hint}"


def _line(place: tuple[Any, ...], text: str) -> str:
    return f"{explain.shown(place)}: {text}" if place else text
