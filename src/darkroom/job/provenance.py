"""What a result depends on: the code of a stage, the libraries it imports, and the files of a source.

A job is stale when its spec, its code or its inputs changed, and for no other reason. The code is a hash over syntax
trees without comments, docstrings and formatting, of a module and all that it imports from `darkroom`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from darkroom import files

ROOT = Path(__file__).parents[1]
YOUNG = 2_000_000_000
"""Nanoseconds after a change in which another change may leave the times of a file as they are."""


def code(modules: Iterable[str]) -> str:
    """A hash over the code of these modules and everything in `darkroom` that they import (16 hex digits)."""
    covered = closure(frozenset(modules))
    parts = {name: _facts(path)["tree"] for name, path in covered.items()} | _data(covered)
    _keep_facts()
    return hashlib.sha256(files.canonical(parts).encode()).hexdigest()[:16]


def libraries(modules: Iterable[str]) -> dict[str, str]:
    """The installed version of every third-party library that these modules import, by import name."""
    imported = {top for path in closure(frozenset(modules)).values() for top in _foreign(path)}
    return {top: _version(top) for top in sorted(imported)}


def record(spec: object, modules: Iterable[str]) -> dict[str, Any]:
    """What a result is made of, to be kept beside it: the spec (JSON), and of the code what `why` needs to name a change."""
    return {"spec": spec, "code": code(modules), "libraries": libraries(modules), "definitions": definitions(modules)}


def definitions(modules: Iterable[str]) -> dict[str, dict[str, str]]:
    """A short hash of every function and class that these modules depend on, by file and name; "" is the rest of a file.

    A method is `Class.method`; the class itself stands for what is in it besides.
    """
    covered = closure(frozenset(modules))
    found = {_place(path): _facts(path)["definitions"] for path in covered.values()}
    return found | {place: {"": digest[:8]} for place, digest in _data(covered).items()}


@functools.cache
def closure(modules: frozenset[str]) -> dict[str, Path]:
    """These modules and all of `darkroom` that they import, directly or not, with their files."""
    found: dict[str, Path] = {}
    queue = sorted(modules)
    while queue:
        name = queue.pop()
        path = _source(name)
        if path is None or name in found:
            continue
        found[name] = path
        queue.extend(name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1))
        queue.extend(_facts(path)["imports"])
    return dict(sorted(found.items()))


def source_fingerprint(found: Mapping[str, str | Path], cache: Path) -> str:
    """A hash over the names and contents of a source's files.

    Contents are read again only when a file's size, times or inode differ from those in `cache`, so that a touched
    file costs a read and changes nothing, and a file replaced under an old time is seen.
    """
    return str(_source_state(found, cache)["fingerprint"])


def source_contents(found: Mapping[str, str | Path], cache: Path) -> dict[str, str]:
    """The sha256 of each of a source's files, or why it cannot be read; see `source_fingerprint`."""
    return {name: _digest(state) for name, state in _source_state(found, cache)["files"].items()}


def _source_state(found: Mapping[str, str | Path], cache: Path) -> dict[str, Any]:
    """Each file as one text, of which a cache of many is read in a moment."""
    known = _cached(cache)
    earlier = known.get("files")
    earlier = earlier if isinstance(earlier, dict) else {}
    seen = {name: _content(path, earlier.get(name)) for name, path in found.items()}
    if seen == earlier and isinstance(known.get("fingerprint"), str):
        return known
    contents = files.canonical({name: _digest(state) for name, state in seen.items()})
    digest = hashlib.sha256(contents.encode("utf-8", "surrogateescape")).hexdigest()
    fresh = {"files": seen, "fingerprint": digest}
    _cache(cache, fresh)
    return fresh


def _content(path: str | Path, earlier: object) -> str:
    """Size, times and inode of a file, and the sha256 of its content: the earlier one where nothing else differs."""
    try:
        state = f"{_state(path)}:"
        if isinstance(earlier, str) and earlier.startswith(state):
            return earlier
        return state + files.sha256(Path(path))
    except OSError as error:
        return f":{error.strerror}"  # the stage says what that means for the data


def _digest(state: str) -> str:
    return state.rpartition(":")[2]


def _state(path: str | Path) -> str:
    status = os.stat(path)  # noqa: PTH116 - a Path a file is slow for many
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _cached(cache: Path) -> dict[str, Any]:
    """What an earlier process wrote down; empty when that cannot be read."""
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _cache(cache: Path, value: Mapping[str, Any]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_name(f"{cache.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(value), encoding="utf-8")
        fresh.replace(cache)
    except OSError:
        pass  # the cache only saves time


def _source(module: str) -> Path | None:
    if module.split(".")[0] != ROOT.name:
        return None
    base = ROOT.joinpath(*module.split(".")[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _data(covered: Mapping[str, Path]) -> dict[str, str]:
    """The sha256 of the templates and the like that lie beside these modules, by place."""
    return {name: digest for folder in {path.parent for path in covered.values()} for name, digest in _inside(folder)}


@functools.cache
def _inside(folder: Path) -> tuple[tuple[str, str], ...]:
    if folder == ROOT:
        return ()
    kinds = {".html", ".css", ".js", ".json", ".txt"}
    places = (folder, *(below for below in folder.iterdir() if below.is_dir() and not any(below.glob("*.py"))))
    found = (path for place in places for path in place.iterdir() if path.suffix in kinds and path.is_file())
    return tuple((_place(path), files.sha256(path)) for path in found)


def _facts(path: Path) -> dict[str, Any]:
    """What is read out of a source file: `tree` (a hash), `imports`, and `definitions` (a short hash by name)."""
    found = _known_facts()
    place, state = _place(path), _state(path)
    if place not in found["files"] or found["files"][place]["state"] != state:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _Bare().visit(tree)
        digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
        read = {"state": state, "tree": digest, "imports": list(_imports(tree)), "definitions": _definitions(tree)}
        found["files"][place] = read
        found["changed"] = True
    facts: dict[str, Any] = found["files"][place]
    return facts


@functools.cache
def _known_facts() -> dict[str, Any]:
    """The facts of files that are as they were, by place, from earlier processes with this very module."""
    found = _cached(_facts_file())
    by = _state(__file__)
    return {"by": by, "files": found["files"] if found.get("by") == by else {}, "changed": False}


def _keep_facts() -> None:
    """Write down what was read, but for files so young that a change may hide in their time stamp."""
    found = _known_facts()
    if found["changed"]:
        old = time.time_ns() - YOUNG
        settled = {
            place: facts for place, facts in found["files"].items() if max(map(int, facts["state"].split()[1:3])) < old
        }
        _cache(_facts_file(), {"by": found["by"], "files": settled})
    found["changed"] = False


def _facts_file() -> Path:
    return ROOT / "__pycache__" / f"provenance.{sys.implementation.cache_tag}.json"


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _definitions(tree: ast.Module) -> dict[str, str]:
    found: dict[str, list[str]] = {}

    def collect(name: str, body: list[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(f"{name}.{statement.name}".lstrip("."), []).append(ast.dump(statement))
            elif isinstance(statement, ast.ClassDef) and not name:
                found[statement.name] = [ast.dump(part) for part in (*statement.bases, *statement.decorator_list)]
                collect(statement.name, statement.body)
            else:
                found.setdefault(name, []).append(ast.dump(statement))

    collect("", tree.body)
    return {name: hashlib.sha256("\n".join(dumps).encode()).hexdigest()[:8] for name, dumps in found.items()}


def _foreign(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _facts(path)["imports"]} - {ROOT.name} - sys.stdlib_module_names


DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Where a library is installed under another name than it is imported by."""


@functools.cache
def _version(imported: str) -> str:
    try:
        return metadata.version(DISTRIBUTIONS.get(imported, imported))
    except metadata.PackageNotFoundError:
        return "absent"  # an extra that is not installed


class _Bare(ast.NodeTransformer):
    """Takes away docstrings, descriptions and what only type checkers read; parsing drops comments and formatting."""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [s for s in node.body if not _is_text(s) and not _is_for_types(s)] or [ast.Pass()]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [k for k in node.keywords if k.arg not in {"description", "title"}]
        visited: ast.AST = super().visit(node)
        return visited


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
