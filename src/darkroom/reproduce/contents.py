"""The content of an experiment's data, on which a published value depends as much as on the method."""

from __future__ import annotations

import hashlib
from pathlib import Path

from darkroom import files
from darkroom.data import place
from darkroom.reproduce.config import Experiment


def digest(path: Path) -> str:
    """Return the sha256 of a file, or of the sorted list of a folder's files with the sha256 of each."""
    if path.is_file():
        return files.sha256(path)
    found = {name: files.sha256(where) for name, where in place.local_files(path).items()}
    return hashlib.sha256(files.canonical(found).encode()).hexdigest()


def check(spec: Experiment) -> None:
    """Raise ValueError if the data is absent or is not what the values were published for."""
    if spec.path is None or spec.sha256 is None:
        return
    found = digest(place.existing(spec.path, "path"))
    if found != spec.sha256:
        raise ValueError(
            f"{spec.path}: sha256 {found}, expected {spec.sha256}; see docs/reproduced.md for how to get it"
        )
