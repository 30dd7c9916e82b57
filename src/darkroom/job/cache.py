"""JSON that one process leaves for the next to save time; losing it changes no result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def load(path: Path) -> dict[str, Any]:
    """Read a cache file; return an empty dict if it is missing or damaged."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def store(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a cache file atomically; do nothing if the disk refuses it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(value), encoding="utf-8")
        fresh.replace(path)
    except OSError:
        pass


def state(path: str | Path) -> str:
    """Describe a file by size, times and inode, so that a replaced file shows even under its old modification time."""
    status = os.stat(path)  # noqa: PTH116 - creating a Path per file is slow for many files
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
