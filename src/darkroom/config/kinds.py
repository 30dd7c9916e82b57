"""What follows from the kind of samples that the source gives: defaults, and plug-ins and keys that do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from darkroom import registry
from darkroom.config.model import Config
from darkroom.data.kind import PLURAL, SampleKind

OF_SAMPLES = frozenset({"network", "transform", "batch transform", "view", "detector", "generator", "embedding"})
"""Kinds of plug-ins that touch samples, each with a constant `TAKES`."""
TAKES: Mapping[str, tuple[SampleKind, ...]] = {
    **dict.fromkeys(("explore", "pretrain", "labels", "suggest", "ladder", "registry"), ("image",)),
    "generate": ("image", "table"),
    "audit": ("image", "audio", "text"),
}
"""Sections that do not take every kind of samples, with those that they take."""
KEYS_OF_IMAGES = {"data": ("size", "resize", "color"), "generate": ("snapshots", "inception", "steps")}
"""Keys of sections that are about images."""
DEFAULTS: Mapping[SampleKind, Mapping[str, Mapping[str, Any]]] = {
    "image": {},
    "audio": {
        "audit": {"network": "spectrogram"},
        "classify": {"models": {"spectrogram": {}}, "tta": ["time_shift"]},
        "detect": {"detectors": {"spectrogram": {}}},
    },
    "text": {"audit": {"network": "textcnn"}, "classify": {"models": {"ngrams": {}, "textcnn": {}}, "tta": []}},
    "table": {
        "classify": {"models": {"gradient_boosting": {}, "logistic_regression": {}, "table_mlp": {}}, "tta": []},
        "detect": {"detectors": {"isolation_forest": {}, "knn": {}, "ecod": {}}},
        "generate": {
            "models": {"gaussian_copula": {}, "tvae": {}},
            "judge": {"network": {"name": "gradient_boosting"}, "online": []},
        },
    },
}
"""What takes the place of the defaults of a section for images, by kind of samples."""


def of_source(source: Any) -> SampleKind:
    """Return the kind of samples that a source gives, as written in a config; images if there is no such source."""
    name = source.get("name") if isinstance(source, Mapping) else source
    known = registry.entries("source")
    return cast(SampleKind, known[name].gives) if isinstance(name, str) and name in known else "image"


def fill(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in the models, views and detectors of a config that names none, if its samples are not images.

    A policy without `offline` then has no offline transforms: the default, `affine`, is for images.
    """
    data = raw.get("data")
    kind = of_source(data.get("source")) if isinstance(data, Mapping) else "image"
    filled = dict(raw)
    for section, defaults in DEFAULTS[kind].items():
        given = raw.get(section) if section in raw else ()
        if given is None or isinstance(given, Mapping):
            filled[section] = _filled(given or {}, defaults)
    policies = raw.get("augment")
    if kind != "image" and isinstance(policies, Mapping):
        filled["augment"] = {
            name: {"offline": [], **(policy or {})} if policy is None or isinstance(policy, Mapping) else policy
            for name, policy in policies.items()
        }
    return filled


def _filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in the keys that are absent or empty, and those of a judge."""
    missing = {key: value for key, value in defaults.items() if given.get(key) in (None, {})}
    judge = given.get("judge")
    if isinstance(judge, Mapping) and "judge" in defaults:
        missing["judge"] = {**defaults["judge"], **judge}
    return {**given, **missing}


def problems(config: Config) -> Iterator[str]:
    """Find sections, keys and plug-ins that do not take the samples of the source."""
    kind = config.data.kind
    for section, kinds in TAKES.items():
        if kind not in kinds and getattr(config, section) is not None:
            yield f"{section}: takes {_listed(kinds)}, but the source gives {PLURAL[kind]}; remove {section}"
    for name, policy in config.augment.items() if kind == "text" else ():
        if "mixup" in [step.name for step in policy.online[:-1]]:  # type: ignore[attr-defined]
            yield f"augment.{name}.online: mixup comes last for texts, since the network mixes their word vectors"
    yield from _tokenizers(config)
    for section, keys in KEYS_OF_IMAGES.items():
        for key in keys:
            if kind != "image" and key in getattr(getattr(config, section), "model_fields_set", ()):
                yield f"{section}.{key}: is about images, but the source gives {PLURAL[kind]}; remove {key}"
    yield from _categories(config)
    for section in ("augment", "audit", "classify", "generate", "detect"):
        if kind not in TAKES.get(section, (kind,)):
            continue
        for place, entry in _used(getattr(config, section), section):
            if kind not in entry.samples:
                fits = registry.taking(entry.kind, kind)
                there = f"use {', '.join(fits)}" if fits else f"no {entry.kind} does yet, so remove it"
                yield (
                    f"{place}: the {entry.kind} {entry.name} takes {_listed(entry.samples)}, but the source gives "
                    f"{PLURAL[kind]}; {there}"
                )


def _categories(config: Config) -> Iterator[str]:
    """Find makers of rows for numbers alone, if the config says that a column holds categories."""
    kinds = getattr(config.data.source, "columns", {}) if config.data.kind == "table" else {}
    told = next((name for name, kind in kinds.items() if kind == "category"), None)
    for name, policy in config.augment.items():
        for step in policy.offline[:1] if told is not None else ():
            maker = registry.entry(*step.plugin)  # type: ignore[attr-defined]
            if maker.constants.get("MAKES") and not maker.constants.get("CATEGORIES"):
                yield (
                    f"augment.{name}.offline[0]: {maker.name} interpolates numbers, but data.source.columns.{told} is "
                    "category; use smotenc, or drop the column"
                )


def _tokenizers(config: Config) -> Iterator[str]:
    """Find pretrained encoders of texts that another tokenizer than their own cuts."""
    used = getattr(config.data.source, "tokenizer", None)
    networks = (
        {f"classify.models.{name}": model.network for name, model in config.classify.models.items()}
        if config.classify
        else {}
    )
    for place, network in networks.items():
        encoder = getattr(network, "encoder", None)
        if encoder is not None and (used is None or Path(used) != Path(encoder)):
            yield f"{place}: {encoder} has a tokenizer of its own; set data.source.tokenizer: {encoder}"


def _listed(kinds: Iterable[str]) -> str:
    return " or ".join(PLURAL[cast(SampleKind, kind)] for kind in kinds)


def _used(value: Any, place: str) -> Iterator[tuple[str, registry.Entry]]:
    """Yield the outermost plug-ins of a config value that touch samples, each with its place in the config."""
    if isinstance(value, BaseModel):
        plugin = getattr(value.__class__, "plugin", None)
        if plugin and plugin[0] in OF_SAMPLES:
            yield place, registry.entry(*plugin)
            return
        for field in value.__class__.model_fields:
            yield from _used(getattr(value, field), f"{place}.{field}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _used(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _used(item, f"{place}[{index}]")
