"""What must be equal when results are made twice."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from darkroom import files

BY_NATURE = (
    "*/timing.json",  # measured seconds
    "*/logs/*",  # what jobs said while they ran
    "results/.tracking/*",  # records on their way to MLflow
    "results/mlflow.db*",  # run ids and times
    "results/mlartifacts/*",  # files under run ids; they are copies
)
"""Files of results that differ between two undisturbed runs of the same config, too."""


def contents(root: Path, *folders: str | Path) -> dict[str, str]:
    """The sha256 of every file of the results, or of folders among them, but for those that differ by nature."""
    places = folders or ("data", "results")
    found = (path for place in places for path in (root / place).rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in found}
    return {
        name: files.sha256(path)
        for name, path in sorted(names.items())
        if not any(fnmatch(name, pattern) for pattern in BY_NATURE)
    }


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The names of files that are not in both with the same bytes."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
