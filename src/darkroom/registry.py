"""Plug-ins by name: found by reading the source, imported only when used.

A network, loss, transform, view, source, generator or detector is one class or function with one line above it:

    @register("network", "resnet")
    class ResNet(nn.Module):
        def __init__(self, shape, classes, *, width: Annotated[int, Field(ge=1)] = 32): ...

Its keyword-only arguments are its config keys. Their names, types, ranges and defaults are read from the syntax tree, so
checking a config does not import torch. A kind exists once something is registered under it. The code of a job includes
the plug-ins that its spec names, and no others.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from darkroom import settings
from darkroom.settings import Section

ROOT = Path(__file__).parent
MOST = 40
"""Names that an error lists."""
REGISTRATION = re.compile(r'^@register\("([\w -]+)", "', re.MULTILINE)

Plugged = TypeVar("Plugged")


def register(kind: str, name: str) -> Callable[[Plugged], Plugged]:
    """Give a class or function a name in the config; registrations are found in the source, see `entries`."""

    def mark(plugged: Plugged) -> Plugged:
        plugged.plugin = (kind, name)  # type: ignore[attr-defined]
        return plugged

    return mark


@dataclass(frozen=True)
class Entry:
    """A registered plug-in: its module and attribute there, the arguments of its constructor, its first docstring line."""

    kind: str
    name: str
    module: str
    attribute: str
    arguments: ast.arguments
    summary: str
    constants: Mapping[str, Any]
    """Upper-case names that its class body assigns literals to, so that a config check learns what fits without an import."""
    methods: frozenset[str]
    """Names of the methods of its class."""
    imports: Mapping[str, tuple[str, str]]
    """The `from` imports of its module: local name to module and attribute."""

    @property
    def definition(self) -> str:
        """Its fully qualified name."""
        return f"{self.module}.{self.attribute}"

    @property
    def training(self) -> dict[str, Any]:
        """Its own defaults for `training`: its constant `TRAINING`."""
        return dict(self.constants.get("TRAINING", {}))

    @property
    def gives(self) -> str:
        """The kind of samples of a source: its constant `KIND`, images without one; see `data.kind`."""
        return str(self.constants.get("KIND", "image"))

    @property
    def samples(self) -> tuple[str, ...]:
        """The kinds of samples that a network, transform or the like takes: its constant `TAKES`, images without one."""
        return tuple(self.constants.get("TAKES", ("image",)))

    def takes(self, argument: str) -> bool:
        """Tell whether the plug-in takes an argument of that name from the stage, as opposed to an option."""
        return any(given.arg == argument for given in self.arguments.args)


@functools.cache
def kinds() -> dict[str, tuple[Path, ...]]:
    """Map each kind of plug-in to the source files that register one, without parsing them."""
    found: dict[str, set[Path]] = {}
    for path in ROOT.rglob("*.py"):
        for kind in REGISTRATION.findall(path.read_text(encoding="utf-8")):
            found.setdefault(kind, set()).add(path)
    return {kind: tuple(sorted(paths)) for kind, paths in found.items()}


@functools.cache
def entries(kind: str) -> dict[str, Entry]:
    """Read all plug-ins of a kind, by name. Raises ValueError if the kind has none."""
    if kind not in kinds():
        hint = settings.nearest(kind, kinds())
        raise ValueError(f'no plug-in is registered as a "{kind}".{hint} The kinds are: {", ".join(sorted(kinds()))}')
    found = {entry.name: entry for path in kinds()[kind] for entry in _read(path) if entry.kind == kind}
    return dict(sorted(found.items()))


def taking(kind: str, samples: str) -> dict[str, Entry]:
    """Return the plug-ins of a kind that take these samples, by name."""
    return {name: found for name, found in entries(kind).items() if samples in found.samples}


def entry(kind: str, name: str) -> Entry:
    """Return the plug-in of that kind and name. Raises ValueError listing the known names."""
    known(kind, name, entries(kind))
    return entries(kind)[name]


def known(kind: str, name: str, names: Collection[str]) -> None:
    """Raise ValueError listing the known names unless `name` is one of them."""
    if name not in names:
        raise ValueError(f"no {kind} {settings.quoted(name)}.{settings.choice(name, [*names], most=MOST)}")


def load(kind: str, name: str) -> Any:
    """Import and return the registered class or function; no other plug-in is imported."""
    found = entry(kind, name)
    return getattr(importlib.import_module(found.module), found.attribute)


def build(chosen: Section, *given: Any, **more: Any) -> Any:
    """Call the plug-in that a validated `Plugin` value names, with the stage's arguments first and its options by keyword."""
    kind, name = chosen.__class__.plugin  # type: ignore[attr-defined]
    own = {key: getattr(chosen, key) for key in options(kind, name).model_fields if key != "name"}
    return load(kind, name)(*given, **more, **own)


def chosen(plugged: Any, **own: Any) -> Section:
    """Return the checked options of a plug-in that was imported, as a config that names it would give them.

    Code that chooses a plug-in this way depends on it, as code that has only its name does not (see `job.reach`).
    """
    kind, name = plugged.plugin
    return options(kind, name).model_validate({"name": name, **own})


@functools.cache
def options(kind: str, name: str) -> type[Section]:
    """Build the config model of a plug-in: `name` and the keyword-only arguments of its constructor."""
    found = entry(kind, name)
    fields: dict[str, Any] = {"name": (Literal[name], name)}
    for argument, default in zip(found.arguments.kwonlyargs, found.arguments.kw_defaults, strict=True):
        if argument.annotation is None:
            raise TypeError(f"{found.module}:{argument.lineno}: option {argument.arg} of {name} has no type")
        value = ... if default is None else ast.literal_eval(default)
        fields[argument.arg] = (_evaluated(argument.annotation, found.imports), value)
    title = f"{kind.title().replace(' ', '')}_{name}"
    model = create_model(title, __base__=_Undocumented, __doc__=found.summary, **fields)
    model.plugin = (kind, name)  # type: ignore[attr-defined]
    return model


class _Undocumented(Section):
    """A section without a source file in which pydantic could look for attribute docstrings."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def used(value: Any) -> Iterator[Entry]:
    """Yield every plug-in that a config value names, at any depth."""
    if isinstance(value, BaseModel):
        if plugin := getattr(value.__class__, "plugin", None):
            yield entry(*plugin)
        for field in value.__class__.model_fields:
            yield from used(getattr(value, field))
    elif isinstance(value, dict):
        for item in value.values():
            yield from used(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from used(item)


class Plugin:
    """Marks a field as a plug-in: `Annotated[Section, Plugin("network")]` takes `resnet` or `{name: resnet, width: 16}`.

    A mapping without a `name` holds options of the `default` plug-in. With `named_by_entry`, the section fills in the name
    from the entry that contains the field. `without` excludes names: a plug-in with an option of its own kind excludes
    itself. With `item`, a list of those may take the place of one plug-in.
    """

    def __init__(
        self,
        kind: str,
        default: str | None = None,
        *,
        named_by_entry: bool = False,
        without: tuple[str, ...] = (),
        item: Plugin | None = None,
    ) -> None:
        self.kind, self.default, self.named_by_entry, self.without = kind, default, named_by_entry, without
        self.item = item

    @functools.cached_property
    def names(self) -> list[str]:
        """The names to choose from."""
        return [name for name in entries(self.kind) if name not in self.without]

    def model(self, name: str) -> type[Section]:
        """Return the config model of the plug-in of that name."""
        return options(self.kind, name)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # a plain function: errors in the options then carry the user's own keys, and only the plug-in named is read
        if self.item is None:
            return core_schema.no_info_plain_validator_function(self._options)
        items = core_schema.tuple_schema(
            [self.item.__get_pydantic_core_schema__(source, handler)], variadic_item_index=0, min_length=1
        )
        return core_schema.no_info_wrap_validator_function(
            lambda value, listed: listed(value) if isinstance(value, list | tuple) else self._options(value),
            items,
            serialization=core_schema.simple_ser_schema("any"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        choices: list[dict[str, Any]] = [{"enum": self.names}]
        for name in self.names:
            choice = handler(self.model(name).__pydantic_core_schema__)
            if not self.named_by_entry and name != self.default:
                choice["required"] = ["name", *choice.get("required", [])]
            choices.append({**choice, "type": "object"})
        if self.default or self.named_by_entry:
            choices.append({"type": "null"})
        if self.item is not None:
            choices.append(
                {"type": "array", "items": self.item.__get_pydantic_json_schema__(schema, handler), "minItems": 1}
            )
        return {"anyOf": choices}

    def _options(self, value: Any) -> Section:
        if isinstance(value, Section):
            kind, chosen = getattr(value, "plugin", ("", ""))
            if kind == self.kind and chosen in self.names:
                return value  # checked already, and frozen
            value = value.model_dump()
        if value is None and self.default:
            value = {}
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("name", self.default), str):
            there = settings.choice("", self.names, most=MOST)
            raise ValueError(f'got {settings.quoted(value)}; a {self.kind} is a name, or keys with "name".{there}')
        name = value.get("name", self.default)
        known(self.kind, name, self.names)
        return self.model(name).model_validate({**value, "name": name})


@functools.cache
def _read(path: Path) -> tuple[Entry, ...]:
    module = ".".join(("darkroom", *path.relative_to(ROOT).with_suffix("").parts))
    body = ast.parse(path.read_text(encoding="utf-8")).body
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return tuple(
        Entry(
            kind=kind,
            name=name,
            module=module,
            attribute=node.name,
            arguments=_arguments(node),
            summary=(ast.get_docstring(node) or "").split("\n")[0],
            constants=_constants(node),
            methods=_methods(node),
            imports=imports,
        )
        for node in body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for kind, name in _marks(node)
    )


def _marks(node: ast.ClassDef | ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for mark in node.decorator_list:
        match mark:
            case ast.Call(
                func=ast.Name(id="register"), args=[ast.Constant(value=str(kind)), ast.Constant(value=str(name))]
            ):
                yield kind, name


def _evaluated(annotation: ast.expr, imports: Mapping[str, tuple[str, str]]) -> Any:
    """Evaluate an annotation, importing the modules of the names in it but not the plug-in's own."""
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} & imports.keys()
    known = {name: getattr(importlib.import_module(imports[name][0]), imports[name][1]) for name in sorted(names)}
    return eval(ast.unparse(annotation), known)  # our own source


def _arguments(node: ast.ClassDef | ast.FunctionDef) -> ast.arguments:
    if isinstance(node, ast.FunctionDef):
        return node.args
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member.args
    return ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])


def _methods(node: ast.ClassDef | ast.FunctionDef) -> frozenset[str]:
    return frozenset(member.name for member in node.body if isinstance(member, ast.FunctionDef))


def _constants(node: ast.ClassDef | ast.FunctionDef) -> dict[str, Any]:
    found = {}
    for member in node.body if isinstance(node, ast.ClassDef) else ():
        match member:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                with contextlib.suppress(ValueError):  # not a literal
                    found[name] = ast.literal_eval(value)
    return found
