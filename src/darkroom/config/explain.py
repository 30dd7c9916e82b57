"""Describe what config keys take, and explain validation errors, one line each: where, what was got, what was expected."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from darkroom import registry, settings
from darkroom.config import names
from darkroom.registry import Plugin
from darkroom.settings import Section

Steps = tuple[int | str, ...]


@dataclass(frozen=True)
class Kind:
    """A type and its metadata, as in `Annotated[int, Ge(1)]`."""

    hint: Any
    about: tuple[Any, ...] = ()

    @staticmethod
    def of(hint: Any, about: tuple[Any, ...] = ()) -> Kind:
        """Split an annotation into type and metadata."""
        if typing.get_origin(hint) is Annotated:
            inner, *more = typing.get_args(hint)
            return Kind.of(inner, (*more, *about))
        flat = tuple(m for part in about for m in ([part, *part.metadata] if isinstance(part, FieldInfo) else [part]))
        return Kind(hint, flat)

    @staticmethod
    def of_field(field: FieldInfo) -> Kind:
        """The type of a model's field."""
        return Kind.of(field.annotation, (field, *field.metadata))

    def get(self, name: str) -> Any:
        """Return a metadata attribute, such as the bound `ge` or a `title`; None if absent."""
        return next((v for part in self.about if (v := getattr(part, name, None)) is not None), None)

    @property
    def plugin(self) -> Plugin | None:
        """The plug-in marker, if any; an optional plug-in has it too."""
        own = next((part for part in self.about if isinstance(part, Plugin)), None)
        return own or (self.parts[0].plugin if len(self.parts) == 1 and self.parts[0].hint is not self.hint else None)

    @property
    def parts(self) -> list[Kind]:
        """The members of a union without None; just the type itself if it is no union."""
        if typing.get_origin(self.hint) not in (Union, types.UnionType):
            return [self]
        parts = [part for part in typing.get_args(self.hint) if part is not type(None)]
        return [Kind.of(part, self.about if len(parts) == 1 else ()) for part in parts]


def words(kind: Kind) -> str:
    """Describe what a key takes: `whole number ≥ 1`, `one of pad, crop, stretch`, `list of text (at least 1)`."""
    if title := kind.get("title"):
        return str(title)
    if kind.plugin:
        return f"{kind.plugin.kind} (a name, or keys with its name)"
    if len(kind.parts) > 1 or kind.parts != [kind]:
        return " or ".join(dict.fromkeys(words(part) for part in kind.parts))
    origin, inner = typing.get_origin(kind.hint), typing.get_args(kind.hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}" if len(inner) > 1 else str(inner[0])
    if origin is dict:
        return f"names, each with {words(Kind.of(inner[1]))}"
    if origin is tuple and inner[-1] is not ...:
        return f"[{', '.join(words(Kind.of(part)) for part in inner)}]"
    if origin in (list, tuple):
        return f"list of {_several(words(Kind.of(inner[0])))}{_length(kind)}"
    if isinstance(kind.hint, type) and issubclass(kind.hint, Section):
        return f"keys ({', '.join(kind.hint.model_fields)})"
    if kind.hint is str:
        return f"text matching {kind.get('pattern')}" if kind.get("pattern") else f"text{_length(kind)}"
    plain = {int: "whole number", float: "number", bool: "true or false"}
    return plain.get(kind.hint, "anything") + _range(kind)


def problems(error: ValidationError, model: type[Section], raw: Mapping[str, Any]) -> list[str]:
    """Return one line per problem in `error`, with its place in `raw`, the config as the user wrote it."""
    lines: dict[Steps, str] = {}
    found = error.errors(include_url=False)
    around = {problem["loc"][:end] for problem in found for end in range(len(problem["loc"]))}
    for problem in found:
        if problem["type"] == "too_short" and problem["loc"] in around:
            continue  # too short only because another item is invalid
        place, line = _explain(problem, model, raw)
        lines.setdefault(place, line)
    return list(lines.values())


def shown(path: Steps) -> str:
    """Format a path: `augment.standard.offline[1]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w-]{1,64}", step):
            text += f".{step}" if text else step
        else:
            text += f"[{settings.quoted(step)}]"
    return text


def _explain(problem: ErrorDetails, model: type[Section], raw: Mapping[str, Any]) -> tuple[Steps, str]:
    path, kind, keys = _locate(problem["loc"], Kind.of(model), raw)
    path = _written(path, raw)
    found, got = _look(raw, path)
    got = settings.quoted(got if found == len(path) else problem["input"])
    where = f"{shown(path)}: " if path else ""
    match problem["type"]:
        case "extra_forbidden":
            return (
                path,
                f"{where}no such key.{settings.nearest(str(path[-1]), keys)} The keys here are: {', '.join(keys)}",
            )
        case "missing":
            return path, f"{where}missing; expected {words(kind)}"
        case "value_error":
            said, other = str(problem["ctx"]["error"]), _elsewhere(kind, raw, path)
            if other:  # knows better than the spelling
                said = re.sub(r' Did you mean "[^"]*"\?', "", said)
            return path, f"{where}{said}{other}{_hint(kind, raw, path)}"
        case "literal_error":
            return (
                path,
                f"{where}got {got}; expected {words(kind)}.{settings.nearest(str(problem['input']), typing.get_args(kind.hint))}",
            )
        case _ if "[key]" in problem["loc"]:
            return path, f"{where}not a {words(kind)}"
        case _:
            return path, f"{where}got {got}; expected {words(kind)}{_hint(kind, raw, path)}"


def _elsewhere(kind: Kind, raw: Mapping[str, Any], path: Steps) -> str:
    """Suggest our name for a plug-in that is named as in another library."""
    found, value = _look(raw, path)
    name = value.get("name") if isinstance(value, Mapping) else value
    if found < len(path) or not kind.plugin or not isinstance(name, str) or name in registry.entries(kind.plugin.kind):
        return ""
    own = names.ours(kind.plugin.kind, name)
    return f'. {settings.printable(name)} is closest to "{own}" here' if own else ""


def _hint(kind: Kind, raw: Mapping[str, Any], path: Steps) -> str:
    """Suggest what to do about a value whose type YAML or Snakemake changed."""
    found, value = _look(raw, path)
    expected = words(kind)
    values = value if isinstance(value, list) else [value]
    if found < len(path):
        return ""
    if any(isinstance(item, bool) for item in values) and not re.match("whole number|number|true or false", expected):
        return ". YAML reads yes, no, on and off as true and false: put quotes around them to have a name or text"
    numeric = re.search(r"\bnumber", expected)
    if numeric and any(isinstance(item, str) and re.fullmatch(r"[-+]?\d+\.?\d*", item) for item in values):
        return (
            ". In quotes it is text, and so is every value nested in --config KEY={...}: "
            "put such values in a file and pass it as a second one after --configfile"
        )
    return ""


def _locate(location: Steps, kind: Kind, raw: Mapping[str, Any]) -> tuple[Steps, Kind, list[str]]:
    """Return the path without pydantic's internal steps, the type there, and the keys of the enclosing model."""
    path: Steps = ()
    keys: list[str] = []
    around = kind
    for step in location:
        if step == "[key]":
            return path, Kind.of(typing.get_args(around.hint)[0]), keys
        inside = _inside(kind, step, path, raw)
        if inside is None:  # a union member, or the expansion of a short form
            break
        model = _model(kind, path, raw)
        keys = list(model.model_fields) if model else []
        path, around, kind = (*path, step), kind, inside
    return path, kind, keys


def _inside(kind: Kind, step: int | str, path: Steps, raw: Mapping[str, Any]) -> Kind | None:
    """Return the type of a key or item of this type; None if there is no such step."""
    if kind.get("json_schema_input_type") is not None:
        return None
    if isinstance(step, int) and kind.plugin and kind.plugin.item:
        return Kind(kind.hint, (kind.plugin.item,))
    if model := _model(kind, path, raw):
        field = model.model_fields.get(str(step))
        return Kind.of_field(field) if field else Kind(Any)
    if len(kind.parts) > 1:
        return None
    (part,) = kind.parts
    origin, inner = typing.get_origin(part.hint), typing.get_args(part.hint)
    if origin is dict:
        return Kind.of(inner[1])
    if origin in (list, tuple) and isinstance(step, int):
        return Kind.of(inner[0] if origin is list or inner[-1] is ... else inner[min(step, len(inner) - 1)])
    return None


def _model(kind: Kind, path: Steps, raw: Mapping[str, Any]) -> type[Section] | None:
    if kind.plugin:
        return kind.plugin.model(_plugin_name(kind.plugin, path, raw))
    for part in kind.parts:
        if isinstance(part.hint, type) and issubclass(part.hint, BaseModel):
            return typing.cast("type[Section]", part.hint)
    return None


def _plugin_name(plugin: Plugin, path: Steps, raw: Mapping[str, Any]) -> str:
    for place in (path, _shared(path)):
        found, value = _look(raw, place)
        if found == len(place) and isinstance(value, Mapping):
            value = value.get("name")
        if found == len(place) and isinstance(value, str):
            return value
    return plugin.default or str(path[-2])


def _shared(path: Steps) -> Steps:
    """Return the key that a member inherits: `classify.training.epochs` for `classify.models.mlp.training.epochs`."""
    return (path[0], *path[3:]) if len(path) > 3 and path[3] == "training" else path


def _written(path: Steps, raw: Mapping[str, Any]) -> Steps:
    """Return the path that the user wrote: the member's own key, or the shared one that it inherits."""
    shared = _shared(path)
    own, inherited = _look(raw, path)[0], _look(raw, shared)[0]
    return path if path == shared or (own > 4 and own - 2 >= inherited) else shared


def _look(raw: Any, path: Steps) -> tuple[int, Any]:
    """Return how many steps of a path exist, and the value at the last one."""
    for index, step in enumerate(path):
        known = step in raw if isinstance(raw, Mapping) else isinstance(raw, list | tuple) and step in range(len(raw))
        if not known:
            return index, raw
        raw = raw[step]
    return len(path), raw


def plural(noun: str) -> str:
    """Return a noun's plural: `networks`, `losses`, `policies`."""
    if re.search("[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if re.search("(s|x|z|ch|sh)$", noun) else f"{noun}s"


def _several(text: str) -> str:
    """Put the noun in a type's description into the plural; `text` has none."""
    nouns = ("whole number", "number", "name", *registry.kinds())
    return re.sub(rf"^({'|'.join(nouns)})\b", lambda found: plural(found[0]), text)


def _range(kind: Kind) -> str:
    if kind.get("ge") is not None and kind.get("le") is not None:
        return f" from {_figure(kind.get('ge'))} to {_figure(kind.get('le'))}"
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
    bounds = [f"{sign} {_figure(kind.get(name))}" for name, sign in signs.items() if kind.get(name) is not None]
    return " " + ", ".join(bounds) if bounds else ""


def _figure(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _length(kind: Kind) -> str:
    least, most = kind.get("min_length"), kind.get("max_length")
    bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    return f" ({', '.join(bounds)})" if bounds else ""
