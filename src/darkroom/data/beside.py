"""The data set that a folder of results is of, and its prepared images beside it."""

from __future__ import annotations

from pathlib import Path

from darkroom import files
from darkroom.data.store import STORE


def data_set(results: Path, *, artifacts: str = "") -> tuple[str, Path] | None:
    """Return NAME and `data/NAME/prepared` for a folder in `results/NAME` or `results/ARTIFACTS/NAME`; None elsewhere."""
    parts = results.resolve().parts
    if "results" not in parts[:-1]:
        return None
    place = len(parts) - 1 - parts[::-1].index("results", 1)
    name = parts[place + 2] if parts[place + 1] == artifacts else parts[place + 1]
    return name, Path(*parts[:place]) / "data" / name / "prepared"


def prepared(data: Path | None, results: Path) -> Path | None:
    """Return `data` or, without it, the prepared images beside the results if they are a finished store, else None."""
    if data is not None:
        return named(data)
    known = data_set(results)
    return known[1] if known and (known[1] / files.MANIFEST).is_file() else None


def named(data: Path) -> Path:
    """Return the folder that the option --data names. Raises ValueError if it is no finished store."""
    if not all((data / name).is_file() for name in (files.MANIFEST, STORE)):
        raise ValueError(f"--data is {data}; expected the folder that `data prepare` wrote, such as data/NAME/prepared")
    return data
