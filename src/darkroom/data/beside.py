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


def prepared(data: Path | None, results: Path, why: str) -> Path:
    """Return `data` or, without it, the prepared images beside the results; `why` says what their images are for.

    Raises ValueError if that is no finished store.
    """
    if data is not None:
        return named(data)
    known = data_set(results)
    if known is None or not (known[1] / files.MANIFEST).is_file():
        raise ValueError(f"there are no prepared images beside {results}, {why}; name their folder by --data")
    return known[1]


def named(data: Path) -> Path:
    """Return the folder that the option --data names. Raises ValueError if it is no finished store."""
    if not all((data / name).is_file() for name in (files.MANIFEST, STORE)):
        raise ValueError(f"--data is {data}; expected the folder that `data prepare` wrote, such as data/NAME/prepared")
    return data
