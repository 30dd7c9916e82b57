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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import pydantic
from pydantic import BaseModel, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from darkroom import settings
from darkroom.settings import Section

ROOT = Path(__file__).parent
PACKAGES = {
    "source": "data/sources",
    "transform": "augment/transforms",
    "view": "augment/views.py",
    "network": "nets",
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

    def takes(self, argument: str) -> bool:
        """Whether the stage hands this plug-in an argument of that name (one that is no option)."""
        return any(given.arg == argument for given in self.arguments.args)


@functools.cache
def entries(kind: str) -> dict[str, Entry]:
    """All plug-ins of a kind by name, read from the source files of its package."""
    place = ROOT / PACKAGES[kind]
    paths = sorted(place.glob("*.py")) if place.is_dir() else [place]
    found = {entry.name: entry for path in paths for entry in _read(path) if entry.kind == kind}
    return dict(sorted(found.items()))


def entry(kind: str, name: str) -> Entry:
    """The plug-in of that kind and name. Raises ValueError with the names there are."""
    known = entries(kind)
    if name not in known:
        raise ValueError(f'no {kind} "{name}".{settings.nearest(name, known)} There are: {", ".join(known)}')
    return known[name]


def load(kind: str, name: str) -> Any:
    """The registered class or function itself; imports its module and no other plug-in's."""
    found = entry(kind, name)
    return getattr(importlib.import_module(found.module), found.attribute)


def build(options: Section, *given: Any, **more: Any) -> Any:
    """Call the plug-in that a validated `Plugin` value names, with the stage's own arguments before its options."""
    kind, name = options.__class__.plugin  # type: ignore[attr-defined]
    return load(kind, name)(*given, **more, **options.model_dump(exclude={"name"}))


@functools.cache
def options(kind: str, name: str) -> type[Section]:
    """The config model of a plug-in: `name` and its constructor's keyword-only arguments."""
    found = entry(kind, name)
    names = {**vars(settings), **vars(typing), **vars(pydantic)}
    fields: dict[str, Any] = {"name": (Literal[name], name)}
    for argument, default in zip(found.arguments.kwonlyargs, found.arguments.kw_defaults, strict=True):
        if argument.annotation is None:
            raise TypeError(f"{found.module}:{argument.lineno}: option {argument.arg} of {name} has no type")
        hint = eval(ast.unparse(argument.annotation), dict(names))  # noqa: S307: our own source, names above only
        value = ... if default is None else ast.literal_eval(default)
        fields[argument.arg] = (hint, value)
    model = create_model(f"{kind.title()}_{name}", __base__=Section, __doc__=found.summary, **fields)
    model.plugin = (kind, name)  # type: ignore[attr-defined]
    return model


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
    """Marks a field as a plug-in: `network: Annotated[Section, Plugin("network")]` takes `resnet` or `{name: resnet, ...}`.

    With a default, a mapping without `name` gives options of the default plug-in.
    """

    def __init__(self, kind: str, default: str | None = None) -> None:
        self.kind, self.default = kind, default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        models = tuple(options(self.kind, name) for name in entries(self.kind))
        union = typing.Annotated[Union[models], Field(discriminator="name")] if len(models) > 1 else models[0]
        return core_schema.no_info_before_validator_function(self._spread, handler.generate_schema(union))

    def _spread(self, value: Any) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        if isinstance(value, dict):
            name = value.get("name", self.default)
            if name is None:
                known = ", ".join(entries(self.kind))
                raise ValueError(f'a {self.kind} is a name or a mapping with "name"; there are: {known}')
            entry(self.kind, str(name))
            value = {**value, "name": name}
        return value


def _read(path: Path) -> Iterator[Entry]:
    module = ".".join(("darkroom", *path.relative_to(ROOT).with_suffix("").parts))
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            match mark:
                case ast.Call(
                    func=ast.Name(id="register"), args=[ast.Constant(value=str(kind)), ast.Constant(value=str(name))]
                ):
                    summary = (ast.get_docstring(node) or "").split("\n")[0]
                    yield Entry(kind, name, module, node.name, _arguments(node), summary)


def _arguments(node: ast.ClassDef | ast.FunctionDef) -> ast.arguments:
    if isinstance(node, ast.FunctionDef):
        return node.args
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member.args
    return ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
