"""Commands as runs in MLflow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkroom.log import Log, silent
from darkroom.tracking import spool


@contextlib.contextmanager
def tracked(
    command: str,
    dataset: str,
    settings: Mapping[str, Any],
    out: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[Log]:
    """Log to a run in MLflow, if there is a server and the data set is known; files in `out` become its artifacts."""
    uri = os.environ[spool.URI] if spool.URI in os.environ else spool.destination(spool.SPOOL)
    if not uri or not dataset:
        yield silent
        return
    header = {
        "stage": command,
        "dataset": dataset,
        "tags": dict(tags or {}),
        "job": out.as_posix(),
        "spec": dict(settings),
        "inputs": {name: place.as_posix() for name, place in (inputs or {}).items()},
    }
    with spool.begin(header) as log:
        yield log
