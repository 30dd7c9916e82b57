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
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from darkroom import files

ROOT = Path(__file__).parent


def code(modules: Iterable[str]) -> str:
    """A hash over the code of these modules and everything in `darkroom` that they import (16 hex digits)."""
    covered = closure(frozenset(modules))
    parts = {name: _tree_hash(path) for name, path in covered.items()}
    for path in sorted({data for source in covered.values() for data in _package_data(source.parent)}):
        parts[path.relative_to(ROOT).as_posix()] = files.sha256(path)
    return hashlib.sha256(files.canonical(parts).encode()).hexdigest()[:16]


def libraries(modules: Iterable[str]) -> dict[str, str]:
    """The installed version of every third-party library that these modules import, by import name."""
    imported = {top for path in closure(frozenset(modules)).values() for top in _foreign(path)}
    return {top: _version(top) for top in sorted(imported)}


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
        queue.extend(_imports(path))
    return dict(sorted(found.items()))


def source_fingerprint(found: Mapping[str, Path], cache: Path) -> str:
    """A hash over the names and contents of a source's files.

    Contents are read again only when a file's size, times or inode differ from those in `cache`, so that a touched
    file costs a read and changes nothing, and a file replaced under an old time is seen.
    """
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    known = known if isinstance(known, dict) else {}
    seen = {name: _content(path, known.get(name)) for name, path in sorted(found.items())}
    if seen != known:
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            fresh = cache.with_name(f"{cache.name}.{os.getpid()}.new")
            fresh.write_text(json.dumps(seen), encoding="utf-8")
            fresh.replace(cache)
        except OSError:
            pass  # the cache only saves time
    contents = files.canonical({name: state[-1] for name, state in seen.items()})
    return hashlib.sha256(contents.encode("utf-8", "surrogateescape")).hexdigest()


def _content(path: Path, earlier: object) -> list[object]:
    """Size, times and inode of a file, and the sha256 of its content: the earlier one where nothing else differs."""
    try:
        status = path.stat()
        state: list[object] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        if isinstance(earlier, list) and earlier[:-1] == state:
            return earlier
        return [*state, files.sha256(path)]
    except OSError as error:
        return [error.strerror]  # the stage says what that means for the data


def _source(module: str) -> Path | None:
    if module.split(".")[0] != ROOT.name:
        return None
    base = ROOT.joinpath(*module.split(".")[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _package_data(folder: Path) -> Iterator[Path]:
    """Templates and the like that lie beside a module belong to it."""
    if folder != ROOT:
        yield from (
            p for p in folder.iterdir() if p.is_file() and p.suffix in {".html", ".css", ".js", ".json", ".txt"}
        )


@functools.cache
def _statements(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    _Bare().visit(tree)
    return tree


@functools.cache
def _tree_hash(path: Path) -> str:
    return hashlib.sha256(ast.dump(_statements(path)).encode()).hexdigest()


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(_statements(path)):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def _foreign(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)} - {ROOT.name} - sys.stdlib_module_names


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
