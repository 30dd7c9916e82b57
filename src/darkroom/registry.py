"""Plug-ins by name, found by reading the source and imported only when used.

A network, transform, view, source, generator or detector is one class or function with one line above it:

    @register("network", "resnet")
    class ResNet(nn.Module):
        def __init__(self, shape, classes, *, width: Annotated[int, Field(ge=1)] = 32): ...

Its keyword-only arguments are its config keys: names, types, ranges and defaults are read from the syntax tree, so that
checking a config imports no torch, and a job's code hash covers the plug-ins that its spec names and no others.
"""

from __future__ import annotations

import ast
import functools
import importlib
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from darkroom import settings
from darkroom.settings import Section

ROOT = Path(__file__).parent
PACKAGES = {
    "source": "data/sources",
    "transform": "augment/transforms",
    "batch transform": "augment/batch",
    "view": "augment/views.py",
    "network": "nets",
    "loss": "classify/losses.py",
    "optimizer": "fit/optimizers.py",
    "schedule": "fit/schedules.py",
    "generator": "generate",
    "detector": "detect",
}
"""Where the plug-ins of each kind live, relative to the package: a folder or one file."""

Plugged = TypeVar("Plugged")


def register(kind: str, name: str) -> Callable[[Plugged], Plugged]:
    """Give a class or function a config name; the registration itself is read from the source, see `entries`."""
    if kind not in PACKAGES:
        raise ValueError(f'no plug-in kind "{kind}"; the kinds are {", ".join(PACKAGES)}')

    def mark(plugged: Plugged) -> Plugged:
        plugged.plugin = (kind, name)  # type: ignore[attr-defined]
        return plugged

    return mark


@dataclass(frozen=True)
class Entry:
    """One registered plug-in: its module, the attribute there, the syntax of its constructor and its first doc line."""

    kind: str
    name: str
    module: str
    attribute: str
    arguments: ast.arguments
    summary: str
    training: dict[str, Any]
    """Its own defaults of a `training` section: the literal `TRAINING` in the body of its class."""
    methods: frozenset[str]
    """Those of its class."""
    options: tuple[str, ...]
    """The modules called `options` that its file imports from: annotations may use their names."""

    def takes(self, argument: str) -> bool:
        """Whether the stage hands this plug-in an argument of that name (one that is no option)."""
        return any(given.arg == argument for given in self.arguments.args)


@functools.cache
def entries(kind: str) -> dict[str, Entry]:
    """All plug-ins of a kind by name, read from the source files of its package."""
    place = ROOT / PACKAGES[kind]
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    found = {entry.name: entry for path in paths for entry in _read(path) if entry.kind == kind}
    return dict(sorted(found.items()))


def entry(kind: str, name: str) -> Entry:
    """The plug-in of that kind and name. Raises ValueError with the names there are."""
    known(kind, name, entries(kind))
    return entries(kind)[name]


def known(kind: str, name: str, names: Collection[str]) -> None:
    """Raises ValueError when there is no plug-in of that name, with the names there are."""
    if name not in names:
        hint = settings.nearest(name, names)
        raise ValueError(f"no {kind} {settings.quoted(name)}.{hint} There are: {', '.join(names)}")


def load(kind: str, name: str) -> Any:
    """The registered class or function itself; imports its module and no other plug-in's."""
    found = entry(kind, name)
    return getattr(importlib.import_module(found.module), found.attribute)


def build(options: Section, *given: Any, **more: Any) -> Any:
    """Call the plug-in that a validated `Plugin` value names, with the stage's own arguments before its options."""
    kind, name = options.__class__.plugin  # type: ignore[attr-defined]
    chosen = {key: getattr(options, key) for key in options.__class__.model_fields if key != "name"}
    return load(kind, name)(*given, **more, **chosen)


@functools.cache
def options(kind: str, name: str) -> type[Section]:
    """The config model of a plug-in: `name` and its constructor's keyword-only arguments."""
    found = entry(kind, name)
    names = {**vars(settings), **vars(typing), **vars(pydantic), "Plugin": Plugin}
    for module in found.options:
        names |= vars(importlib.import_module(module))
    fields: dict[str, Any] = {"name": (Literal[name], name)}
    for argument, default in zip(found.arguments.kwonlyargs, found.arguments.kw_defaults, strict=True):
        if argument.annotation is None:
            raise TypeError(f"{found.module}:{argument.lineno}: option {argument.arg} of {name} has no type")
        hint = eval(ast.unparse(argument.annotation), dict(names))  # our own source, with the names above only
        value = ... if default is None else ast.literal_eval(default)
        fields[argument.arg] = (hint, value)
    title = f"{kind.title().replace(' ', '')}_{name}"
    model = create_model(title, __base__=_Undocumented, __doc__=found.summary, **fields)
    model.plugin = (kind, name)  # type: ignore[attr-defined]
    return model


class _Undocumented(Section):
    """A section whose class has no source in which pydantic could look for descriptions."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def modules(value: Any) -> Iterator[str]:
    """The modules of all plug-ins that a config value names, however deep."""
    if isinstance(value, BaseModel):
        if plugin := getattr(value.__class__, "plugin", None):
            yield entry(*plugin).module
        for field in value.__class__.model_fields:
            yield from modules(getattr(value, field))
    elif isinstance(value, dict):
        for item in value.values():
            yield from modules(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from modules(item)


class Plugin:
    """Marks a field as a plug-in: `Annotated[Section, Plugin("network")]` takes `resnet` or `{name: resnet, width: 16}`.

    Without a `name`, a mapping gives options of the `default` plug-in. `named_by_entry` says that the section fills the
    name in from the entry that the field is in. `without` are names that are not to be had here: a plug-in with an option
    of its own kind leaves itself out.
    """

    def __init__(
        self, kind: str, default: str | None = None, *, named_by_entry: bool = False, without: tuple[str, ...] = ()
    ) -> None:
        self.kind, self.default, self.named_by_entry, self.without = kind, default, named_by_entry, without

    @property
    def names(self) -> list[str]:
        """What there is to choose from."""
        return [name for name in entries(self.kind) if name not in self.without]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # a plain function: errors inside the options then carry the user's own keys, and only what is named is read
        return core_schema.no_info_plain_validator_function(self._options)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        choices: list[dict[str, Any]] = [{"enum": self.names}]
        for name in self.names:
            choice = handler(options(self.kind, name).__pydantic_core_schema__)
            if not self.named_by_entry and name != self.default:
                choice["required"] = ["name", *choice.get("required", [])]
            choices.append({**choice, "type": "object"})
        if self.default or self.named_by_entry:
            choices.append({"type": "null"})
        return {"anyOf": choices}

    def _options(self, value: Any) -> Section:
        if isinstance(value, Section):
            value = value.model_dump()
        if value is None and self.default:
            value = {}
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("name", self.default), str):
            there = ", ".join(self.names)
            raise ValueError(
                f'got {settings.quoted(value)}; a {self.kind} is a name, or keys with "name". There are: {there}'
            )
        name = value.get("name", self.default)
        known(self.kind, name, self.names)
        return options(self.kind, name).model_validate({**value, "name": name})


def _read(path: Path) -> Iterator[Entry]:
    module = ".".join(("darkroom", *path.relative_to(ROOT).with_suffix("").parts))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = (node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom))
    options = tuple(name for name in imported if name.startswith("darkroom.") and name.endswith(".options"))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            match mark:
                case ast.Call(
                    func=ast.Name(id="register"), args=[ast.Constant(value=str(kind)), ast.Constant(value=str(name))]
                ):
                    summary = (ast.get_docstring(node) or "").split("\n")[0]
                    found = _arguments(node), summary, _training(node), _methods(node), options
                    yield Entry(kind, name, module, node.name, *found)


def _arguments(node: ast.ClassDef | ast.FunctionDef) -> ast.arguments:
    if isinstance(node, ast.FunctionDef):
        return node.args
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member.args
    return ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])


def _methods(node: ast.ClassDef | ast.FunctionDef) -> frozenset[str]:
    return frozenset(member.name for member in node.body if isinstance(member, ast.FunctionDef))


def _training(node: ast.ClassDef | ast.FunctionDef) -> dict[str, Any]:
    for member in node.body:
        match member:
            case ast.Assign(targets=[ast.Name(id="TRAINING")], value=value):
                return dict(ast.literal_eval(value))
    return {}
