"""Fingerprints of a source's files: a hash over names and contents that reads only what may have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.job import cache


def source_fingerprint(found: Mapping[str, str | Path], kept: Path) -> str:
    """Hash the names and contents of a source's files; `kept` is the cache file.

    A file is read again only if its size, times or inode differ from the cached ones. Touching a file therefore costs
    one read and changes nothing, and replacing its content under the old modification time is noticed.
    """
    return str(_source(found, kept)["fingerprint"])


def source_contents(found: Mapping[str, str | Path], kept: Path) -> dict[str, str]:
    """Map each of a source's files to its sha256, or to the reason why it cannot be read; see `source_fingerprint`."""
    return {name: _digest(state) for name, state in _source(found, kept)["files"].items()}


def _source(found: Mapping[str, str | Path], kept: Path) -> dict[str, Any]:
    """Keep each file as a single string: a cache of many files then loads quickly."""
    known = cache.load(kept)
    earlier = known.get("files")
    earlier = earlier if isinstance(earlier, dict) else {}
    seen = {name: _content(path, earlier.get(name)) for name, path in found.items()}
    if seen == earlier and isinstance(known.get("fingerprint"), str):
        return known
    contents = files.canonical({name: _digest(state) for name, state in seen.items()})
    digest = hashlib.sha256(contents.encode("utf-8", "surrogateescape")).hexdigest()
    fresh = {"files": seen, "fingerprint": digest}
    cache.store(kept, fresh)
    return fresh


def _content(path: str | Path, earlier: object) -> str:
    """A file's state and the sha256 of its content, taken from `earlier` if the state is the same."""
    try:
        state = f"{cache.state(path)}:"
        if isinstance(earlier, str) and earlier.startswith(state):
            return earlier
        return state + files.sha256(Path(path))
    except OSError as error:
        return f":{error.strerror}"  # the fetch stage reports what that means for the data


def _digest(content: str) -> str:
    return content.rpartition(":")[2]
