"""Local source files of a data set, tracked so that a changed image makes the fetch stale."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from darkroom import files
from darkroom.data import place
from darkroom.data.text import pretrained_tokenizer
from darkroom.job import fingerprint
from darkroom.settings import Section


class Sources:
    """Files at a source's local path; `cache` stores their hashes between plans."""

    def __init__(self, source: Section, cache: Path) -> None:
        self.source, self.cache = source, cache

    @functools.cached_property
    def fingerprint(self) -> str | None:
        """Return a hash of the names and contents of all files; None if the source has no local path."""
        found = self._files()
        return fingerprint.source_fingerprint(found, self.cache) if found is not None else None

    def folder(self, path: str) -> str | None:
        """Return a hash of the names and contents of the files in another local folder; None if there is no such folder."""
        local = files.local(path)
        kept = self.cache.with_name(f".folder-{hashlib.sha256(path.encode()).hexdigest()[:8]}.json")
        return fingerprint.source_fingerprint(place.local_paths(local), kept) if local is not None else None

    def contents(self) -> dict[str, str]:
        """Return the sha256 of each file, by its name in the source."""
        found = fingerprint.source_contents(self._files() or {}, self.cache)
        return {name.partition("/")[2]: digest for name, digest in found.items()}

    @property
    def bytes(self) -> int:
        """Return the size of a single-file source, such as an archive; 0 for any other source."""
        path = getattr(self.source, "path", None)
        local = files.local(path) if path is not None else None
        return local.stat().st_size if local is not None and local.is_file() else 0

    def _files(self) -> dict[str, str] | None:
        """Files by the number of their place and their name there; a manifest without `root` reads the folder that it lies in."""
        path, root = getattr(self.source, "path", None), getattr(self.source, "root", None)
        if path is None or (local := files.local(path)) is None:
            return None
        places: list[Path | None] = [local]
        if hasattr(self.source, "root"):
            places.append(files.local(root) if root else local.parent)
        if tokenizer := getattr(self.source, "tokenizer", None):
            places.append(pretrained_tokenizer.file(tokenizer))
        return {
            f"{n}/{name}": file
            for n, there in enumerate(places)
            if there is not None
            for name, file in place.local_paths(there).items()
        }
