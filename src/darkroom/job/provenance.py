"""What a result depends on besides its inputs: its spec, its code, and the libraries that this code uses.

A job is stale if its spec, its code or its inputs changed, and for no other reason. Its code is every definition that can
be reached from its stage's `run` and its plug-ins (see `reach`), without what changes no result (see `syntax`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path
from typing import Any

from darkroom import files, registry
from darkroom.job import cache
from darkroom.job.reach import ROOT, facts, place, reach, source

DATA = {".html", ".css", ".js", ".json", ".txt"}
"""Suffixes of files beside a module that belong to its code."""


def roots(module: str, spec: Any) -> frozenset[str]:
    """Name what the code of a job begins with: its stage's `run` and the plug-ins that its spec chooses."""
    return frozenset({f"{module}.run", *(plugin.definition for plugin in registry.used(spec))})


def record(spec: object, roots: Iterable[str]) -> dict[str, Any]:
    """Describe what a result is made of, to be kept beside it: the spec (JSON), and the code as `why` names its changes."""
    return {"spec": spec, "code": code(roots), "libraries": libraries(roots), "definitions": definitions(roots)}


def code(roots: Iterable[str]) -> str:
    """Hash the code reached from these names, such as `darkroom.classify.train.run` (16 hex digits)."""
    return hashlib.sha256(files.canonical(definitions(roots)).encode()).hexdigest()[:16]


def definitions(roots: Iterable[str]) -> dict[str, dict[str, str]]:
    """Map each file that these names depend on to the digests of what they use there.

    A method is `Class.method`, and the class itself is what remains of it. "" is what a module runs on import, or the
    content of a file that is no module.
    """
    found: dict[str, dict[str, str]] = {}
    for module, names in reach(frozenset(roots)).definitions.items():
        path, defined = source(module), facts(module)["definitions"]
        assert path is not None, module
        found[place(path)] = {part: digest for name in names for part, digest in defined[name]["parts"].items()}
        found |= {name: {"": digest} for name, digest in _beside(path.parent)}
    return found


def libraries(roots: Iterable[str]) -> dict[str, str]:
    """Map each third-party library that these names use, by import name, to its installed version."""
    return {name: version(name) for name in sorted(reach(frozenset(roots)).libraries)}


@functools.cache
def _beside(folder: Path) -> tuple[tuple[str, str], ...]:
    """The templates and other data beside a module, with a digest each."""
    if folder == ROOT:
        return ()
    places = (folder, *(below for below in folder.iterdir() if below.is_dir() and not any(below.glob("*.py"))))
    found = (path for within in places for path in within.iterdir() if path.suffix in DATA and path.is_file())
    return tuple((place(path), files.sha256(path)[:12]) for path in found)


@functools.cache
def version(imported: str) -> str:
    """Return the installed version of a library by its import name, or "absent" if it is not installed.

    Raises LookupError for a library that can be imported but belongs to no installed distribution.
    """
    known = cache.load(_names_file())
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(known.get(imported, imported))
    for distribution in metadata.packages_distributions().get(imported, ()):  # reads every installed file list: slow
        cache.store(_names_file(), {**known, imported: distribution})
        return metadata.version(distribution)
    if util.find_spec(imported) is None:
        return "absent"  # an extra
    raise LookupError(f"{imported} can be imported, but no installed distribution provides it: its version is unknown")


def _names_file() -> Path:
    return ROOT / "__pycache__" / "distributions.json"
