"""Follow a job's code from definition to definition: from its stage's `run` and its plug-ins to all that they use."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.job import cache, syntax

ROOT = Path(__file__).parents[1]
YOUNG = 2_000_000_000
"""Nanoseconds within which a file may change twice without a change of its times."""


@dataclass(frozen=True)
class Reached:
    """What a job depends on: definitions by module ("" for a module's other statements), and third-party libraries."""

    definitions: dict[str, frozenset[str]]
    libraries: frozenset[str]
    modules: frozenset[str]
    """Every module that is imported, also those of which nothing is used."""


@functools.cache
def reach(roots: frozenset[str]) -> Reached:
    """Follow `darkroom.nets.mlp.MLP`-like names; the name of a module stands for all that it defines.

    From a definition the search goes to every name that it uses: a class counts with all its methods, an imported module
    by the attributes taken from it, or whole if it is used in any other way. What runs when a module is imported counts
    for every module whose import the job causes. Raises LookupError if there is no such root.
    """
    search = _Search()
    for root in sorted(roots):
        if not search.follow(root):
            raise LookupError(f"{root}: no such module, function or class")
    while search.queue:
        search.follow(search.queue.pop())
    found = {module: frozenset(names) for module, names in sorted(search.definitions.items()) if names}
    _keep()
    return Reached(found, frozenset(search.libraries), frozenset(search.definitions))


class _Search:
    def __init__(self) -> None:
        self.queue: list[str] = []
        self.seen: set[str] = set()
        self.definitions: dict[str, set[str]] = {}
        """A module with no names in it is imported, and defines nothing that is used."""
        self.libraries: set[str] = set()

    def follow(self, name: str) -> bool:
        """Note what an absolute name stands for, and queue what that uses; return whether there is such a thing."""
        if name in self.seen:
            return True
        self.seen.add(name)
        imported_only = name.endswith(":")
        name = name.rstrip(":")
        top = name.split(".")[0]
        if top != ROOT.name:
            self.libraries.add(top)
            return True
        module, attributes = _split(name)
        self._import(module)
        defined = facts(module)["definitions"]
        if imported_only:
            return True
        if not attributes:
            for each in defined:
                self._define(module, each)
        elif attributes[0] in defined:
            self._define(module, attributes[0])
        elif elsewhere := facts(module)["names"].get(attributes[0]):
            self.queue.append(".".join((elsewhere, *attributes[1:])))
        else:
            return False
        return True

    def _import(self, module: str) -> None:
        if module in self.definitions:
            return
        self.definitions[module] = set()
        if parent := module.rpartition(".")[0]:
            self._import(parent)
        for name in facts(module)["imports"]:
            if name.split(".")[0] == ROOT.name:
                self._import(_split(name)[0])
        if "" in facts(module)["definitions"]:
            self._define(module, "")

    def _define(self, module: str, name: str) -> None:
        if name not in self.definitions[module]:
            self.definitions[module].add(name)
            self.queue.extend(facts(module)["definitions"][name]["uses"])


@functools.cache
def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """The module that a dotted name begins with, and what is taken from it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if source(module := ".".join(parts[:end])) is not None:
            return module, tuple(parts[end:])
    raise LookupError(f"{name}: {ROOT.name} has no source in {ROOT}")


@functools.cache
def source(module: str) -> Path | None:
    """Return the file of one of our modules, if there is such a module."""
    base = ROOT.joinpath(*module.split(".")[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def place(path: Path) -> str:
    """Name a file of the package by its place there."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def facts(module: str) -> dict[str, Any]:
    """Read a module's facts (see `syntax.facts`), from the cache if its file is unchanged."""
    path = source(module)
    assert path is not None, module
    known, name, state = _known(), place(path), cache.state(path)
    if name not in known["files"] or known["files"][name]["state"] != state:
        known["files"][name] = {"state": state, **syntax.facts(path.read_text(encoding="utf-8"), module)}
        known["changed"] = True
    found: dict[str, Any] = known["files"][name]
    return found


@functools.cache
def _known() -> dict[str, Any]:
    """The facts that earlier processes read with this very code."""
    found, by = cache.load(_cache_file()), cache.state(syntax.__file__)
    return {"by": by, "files": found["files"] if found.get("by") == by else {}, "changed": False}


def _keep() -> None:
    """Store what was read, except for files so young that a change may hide in their times."""
    known = _known()
    if known["changed"]:
        cache.store(_cache_file(), {"by": known["by"], "files": dict(_settled(known["files"]))})
    known["changed"] = False


def _settled(known: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    old = time.time_ns() - YOUNG
    for name, found in known.items():
        if max(map(int, found["state"].split()[1:3])) < old:
            yield name, found


def _cache_file() -> Path:
    return ROOT / "__pycache__" / f"provenance.{sys.implementation.cache_tag}.json"
