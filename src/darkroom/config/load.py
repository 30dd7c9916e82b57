"""Load and check a config file with all its sections. Only the workflow and the command line use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from darkroom import files, registry, settings
from darkroom.augment.config import NONE
from darkroom.augment.strength import exceeded, operations, reach, strongest
from darkroom.config import (
    architectures,
    explain,
    kinds,
    losses,
    networks,
    photographs,
    pretraining,
    semi,
    strict_yaml,
    targets,
    tuning,
    unlabeled,
)
from darkroom.config.model import Config
from darkroom.data import corrections
from darkroom.detect.config import classifiers, members
from darkroom.detect.jobs import tasks
from darkroom.nets import pretrained
from darkroom.serve.jobs import registered

MOST_PROBLEMS = 30
TEMPLATE = "__use_yte__"
"""The key that makes Snakemake render a YAML file as a template before it reads the Snakefile."""


class ConfigError(ValueError):
    """An invalid config, one line per problem: where, what was got, what was expected."""

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
    """Read a YAML file, checking only what YAML itself forbids or hides, such as repeated keys.

    Raises ConfigError.
    """
    try:
        value = strict_yaml.read(path)
    except strict_yaml.YamlError as error:
        raise ConfigError(str(path), [str(error)]) from None
    if isinstance(value, Mapping) and TEMPLATE in value:
        raise ConfigError(str(path), [f"{TEMPLATE}: Snakemake would run the Python in this file; write out the values"])
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
        config = targets.fill(Config.model_validate(dict(photographs.fill(kinds.fill(raw)))))
    except ValidationError as error:
        raise ConfigError(path, explain.problems(error, Config, raw)) from None
    problems = (
        _policy_problems,
        _synthetic_problems,
        _label_problems,
        _transfer_problems,
        kinds.problems,
        losses.problems,
        networks.problems,
        targets.problems,
        semi.problems,
        unlabeled.problems,
        _detector_problems,
        _registry_problems,
        _backbone_problems,
        _weights_problems,
        pretraining.problems,
        tuning.problems,
        _size_problems,
        *((_data_problems, targets.column_problems) if need_data else ()),
    )
    if found := [problem for check in problems for problem in check(config)]:
        raise ConfigError(path, found)
    return config


def _policy_problems(config: Config) -> Iterator[str]:
    if NONE in config.augment:
        yield f'augment.{NONE}: the policy "{NONE}" always exists and changes nothing; use another name'
    changing = [name for name, policy in config.augment.items() if policy.offline or policy.online]
    if config.audit and config.audit.policies is None and not changing:
        yield "audit: no policy in augment transforms samples; add one, or remove audit"
    for index, policy in enumerate(config.audit.policies or [] if config.audit else []):
        if policy not in changing:
            hint = settings.choice(policy, changing)
            yield f'audit.policies[{index}]: no policy "{policy}" that transforms samples.{hint}'
    known = [NONE, *config.augment]
    for index, policy in enumerate(config.classify.policies or [] if config.classify else []):
        if policy not in known:
            hint = settings.nearest(policy, known)
            yield f'classify.policies[{index}]: no policy "{policy}".{hint} There are: {", ".join(known)}'


def _synthetic_problems(config: Config) -> Iterator[str]:
    """Find policies with synthetic copies from a model that does not exist."""
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
            yield f"augment.{name}.synthetic.seed: got {wanted.seed}; expected one of generate.seeds: {known}"


def _label_problems(config: Config) -> Iterator[str]:
    """Find transforms that exceed what `data.label_preserving` declares."""
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
                for operation, fault in exceeded(declared, strongest(policy, step)):
                    if operation not in policy.allow_label_breaking:
                        yield (
                            f"augment.{name}.{part}[{index}]: {step.name} {fault}; remove it, weaken it, or add "
                            f"allow_label_breaking: [{operation}] to augment.{name}"
                        )
    for index, step in enumerate(config.generate.judge.online if config.generate else []):
        for _, fault in exceeded(declared, reach(step)):
            name = step.name  # type: ignore[attr-defined]
            yield f"generate.judge.online[{index}]: {name} {fault}; remove or weaken it"
    for index, view in enumerate(config.classify.tta if config.classify else []):
        for _, fault in exceeded(declared, reach(view)):
            yield f"classify.tta[{index}]: {view.name} {fault}; remove or weaken it"  # type: ignore[attr-defined]
    for name, model in config.pretrain.models.items() if config.pretrain else ():
        for index, step in enumerate(model.views or []):
            for _, fault in exceeded(declared, reach(step)):
                yield f"pretrain.models.{name}.views[{index}]: {step.name} {fault}; remove or weaken it"  # type: ignore[attr-defined]


def _backbone_problems(config: Config) -> Iterator[str]:
    """Find detectors whose feature extractor is a classifier that does not exist or has no feature maps."""
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
                yield f"{place}.classifier: {model} is a network {network}, which has no feature maps; use one with a resnet"
        if len(found) > 1:
            yield f"{place}: its detectors use {' and '.join(found)} as feature extractors; use one classifier for all"
        if any(getattr(part, "classifier", None) and part.weights for part in members(entry.detector)):  # type: ignore[attr-defined]
            yield f"{place}: got both weights and classifier for one detector; remove one of them"
        for seed in section.seeds if section and found and trained else ():
            if seed not in seeds:
                yield f"detect.seeds: {seed} is not in classify.seeds, but {name} needs a classifier of that seed"


def _transfer_problems(config: Config) -> Iterator[str]:
    """Find ways to train a pretrained network that its architecture does not have the parts for."""
    for name, model in config.classify.models.items() if config.classify else ():
        way: Any = model.transfer
        if way is None or way.name not in ("lora", "partial") or hasattr(model.network, "encoder"):
            continue  # an encoder of texts is a folder, which only the job opens
        place, chosen = f"classify.models.{name}.transfer", next(pretrained.choices(model.network))
        if chosen.pretraining and pretraining.network(config, chosen.pretraining) is None:
            continue  # another check names those there are
        backbone = pretraining.network(config, chosen.pretraining) if chosen.pretraining else chosen.architecture
        try:
            known = architectures.architecture(backbone or "")
        except ValueError as error:
            yield f"classify.models.{name}.network: {error}"
            continue
        if way.name == "lora" and not known.attention:
            yield f"{place}: lora adapts attention layers, and {chosen.title} has none; use fine_tune or partial"
        if way.name == "partial" and way.blocks > known.blocks:
            yield f"{place}.blocks: {way.blocks}, but {chosen.title} has {known.blocks}; lower it, or use fine_tune"


def _detector_problems(config: Config) -> Iterator[str]:
    """Find detectors that classify normal classes although there is only one."""
    section = config.detect
    if section is None or all(len(normal) > 1 for normal in section.normal):
        return
    index, (lone, *_) = next((i, normal) for i, normal in enumerate(section.normal) if len(normal) == 1)
    for name, entry in section.detectors.items():
        if "classifier" in [part.name for part in members(entry.detector)]:  # type: ignore[attr-defined]
            yield (
                f"detect.detectors.{name}.detector: classifier needs several normal classes, but detect.normal[{index}] is "
                f"only {settings.quoted(lone)}; list classes that are normal together, as in "
                '[["1", "2"]], or remove the detector'
            )


def _registry_problems(config: Config) -> Iterator[str]:
    """Find a registry with nothing to register, names of tasks that do not exist, and names given twice."""
    if config.registry is None:
        return
    if config.classify is None and config.detect is None:
        yield "registry: there is no model to register; add classify or detect, or remove registry"
    if config.registry.classifier and config.classify is None:
        yield "registry.classifier: there are no classifiers; add classify, or remove classifier"
    known = list(tasks(config))
    for task in config.registry.detectors:
        if task not in known:
            yield f'registry.detectors.{task}: no task "{task}" of detect.{settings.choice(task, known)}'
    models = len(known) + (config.classify is not None)
    if len(registered(config)) < models:
        yield "registry: two models have the same name; give each its own"


def _weights_problems(config: Config) -> Iterator[str]:
    """Pretrained weights whose options do not go together."""
    yield from {f"{chosen.architecture}: {chosen.problem}" for chosen in pretrained.choices(config) if chosen.problem}


def _size_problems(config: Config) -> Iterator[str]:
    size, limit = config.data.size, config.data.largest_side
    height, width = (size, size) if isinstance(size, int) else size or (1, 1)
    if max(height, width) > limit:
        yield (
            f"data.size: {height}×{width} takes {files.size(3 * height * width)} of memory per color image, and the limit is "
            f"{limit} pixels per side; to raise it, set data.largest_side: {max(height, width)}"
        )


def _data_problems(config: Config) -> Iterator[str]:
    named = config.data.corrections
    if named is not None:
        if (table := files.local(named)) is None:
            yield f"data.corrections: no file at {settings.quoted(named, 200)} in {Path.cwd()}"
        else:
            try:
                corrections.read(table)
            except ValueError as error:
                yield from str(error).splitlines()
    for key in ("path", "root"):
        given = getattr(config.data.source, key, None)
        if given is None or "://" in given:
            continue
        if files.local(given) is None:
            hint = "" if Path(given).is_absolute() else f" in {Path.cwd()}"
            if not given.isprintable():
                hint += "; YAML reads backslashes in double quotes as escapes: write / or use single quotes"
            yield f"data.source.{key}: no file or folder at {settings.quoted(given, 200)}{hint}"


def _line(place: tuple[Any, ...], text: str) -> str:
    return f"{explain.shown(place)}: {text}" if place else text
