"""Locate a source's files: a local file or folder read in place, or an archive or download stored in `raw`."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from darkroom import files, settings
from darkroom.data import archives
from darkroom.data.item import Unused, readable

KEPT = "files"
"""The folder in `raw` for unpacked archives and downloads."""
SEEN = "files.json"
"""The file in `raw` that lists the files read in place."""
SYSTEM_FOLDERS = {
    "__macosx", "@eadir", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "recycler", "system volume information",
    "lost+found", "lost.dir", ".thumbnails", ".ipynb_checkpoints",
}  # fmt: skip
"""Folders of operating systems, file managers and network drives, in lower case. Like hidden ones they are skipped, but the data
card names them, as they may hold images."""
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
"""Files that such systems leave in every folder, in lower case; skipped too."""
TIMEOUT = 60.0
"""Seconds without an answer before a download fails."""


@dataclass(frozen=True)
class Listing:
    """The files of a source: names relative to `root`, sorted, with `/` between folders."""

    root: Path
    names: tuple[str, ...]
    folders: tuple[str, ...]
    """Every folder, including empty ones."""
    unused: tuple[Unused, ...] = ()
    skipped: tuple[str, ...] = ()
    """Folders in `SYSTEM_FOLDERS`, which were not entered."""

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self.root / name

    def below(self, top: str) -> Listing:
        """Return the part inside a folder, with names relative to it; files outside are listed as unused."""
        start = f"{top}/"
        outside = (name for name in self.names if not name.startswith(start))
        return Listing(
            self.root / top,
            tuple(name.removeprefix(start) for name in self.names if name.startswith(start)),
            tuple(name.removeprefix(start) for name in self.folders if name.startswith(start)),
            (*self.unused, *(Unused(readable(name), f"outside of the folder {readable(top)}") for name in outside)),
            self.skipped,
        )

    def descend(self, *, stop: Collection[str] = ()) -> Listing:
        """Enter folders that are alone at the top, except those named in `stop` (lower case)."""
        tops = [name for name in self.folders if "/" not in name]
        if len(tops) != 1 or tops[0].lower() in stop:
            return self
        return self.below(tops[0]).descend(stop=stop)


def bring(raw: Path, path: str, sha256: str | None, *, plain: Collection[str] = ()) -> None:
    """Fill `raw` from `path`: a local file or folder, or an http, https or file URL.

    Archives are unpacked and other downloads stored in `raw/files`; files with an extension in `plain` never count as
    archives. Local files and folders stay where they are: `raw/files.json` lists their files with their sha256.
    Raises ValueError naming the config key to change.
    """
    scheme = urllib.parse.urlsplit(path).scheme.lower()
    if scheme in ("http", "https", "file"):
        with downloaded(path, raw) as got:
            _check(got, path, sha256)
            if not _unpacked(got, path, raw, plain):
                kept = raw / KEPT / got.name
                kept.parent.mkdir(parents=True)
                got.rename(kept)
        return
    if "://" in path:
        raise ValueError(f"data.source.path: {path}: expected a local path or a URL with http, https or file")
    local = existing(path)
    if local.is_dir():
        if sha256:
            raise ValueError(f"data.source.sha256: {path} is a folder; a sha256 is of one file. Leave it out")
    else:
        _check(local, path, sha256)
        if _unpacked(local, path, raw, plain):
            return
    seen(raw, path, local_files(local))


def seen(raw: Path, path: str, found: dict[str, Path]) -> None:
    """Record the files that are read in place with their sha256; null for a file that cannot be read."""
    sums: dict[str, str | None] = {}
    for name, where in found.items():
        try:
            sums[readable(name)] = files.sha256(where)
        except OSError:
            sums[readable(name)] = None
    files.write_json(raw / SEEN, {"path": path, "files": sums})


def listing(raw: Path, path: str) -> Listing:
    """List the files that `bring` stored in `raw`, or those at `path` if they are read in place."""
    kept = raw / KEPT
    if kept.is_dir():
        return _walk(kept)
    return local_listing(existing(path))


def local_listing(local: Path) -> Listing:
    """List the files at a local path: the file itself, or everything in the folder that is not hidden."""
    return _walk(local) if local.is_dir() else Listing(local.parent, (local.name,), ())


def local_files(local: Path) -> dict[str, Path]:
    """Return every file at a local path by name; a source reads no others."""
    return {name: Path(path) for name, path in local_paths(local).items()}


def local_paths(local: Path) -> dict[str, str]:
    """As `local_files`, but with strings: a Path per file is slow for many files."""
    found = local_listing(local)
    return {name: f"{found.root}{os.sep}{name}" for name in found.names}


def existing(path: str, key: str = "data.source.path") -> Path:
    """Return a local path that exists. Raises ValueError with the config key."""
    local = files.local(path)
    if local is None:
        near = ""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            wanted = Path(path).expanduser()
            near = settings.nearest(wanted.name, (other.name for other in wanted.parent.iterdir()))
        raise ValueError(f"{key}: there is no file or folder {path} (relative paths start in {Path.cwd()}).{near}")
    if not os.access(local, os.R_OK):
        raise ValueError(f"{key}: {path} cannot be read: no permission")
    return local


def is_hidden(name: str) -> bool:
    """Return whether a path has a hidden part, or one that belongs to an operating system or file manager."""
    return any(_is_quiet(part) for part in name.split("/"))


def _is_quiet(part: str) -> bool:
    return part.startswith(".") or (lower := part.lower()) in SYSTEM_FOLDERS or lower in SYSTEM_FILES


def _walk(root: Path) -> Listing:
    names: list[str] = []
    folders: list[str] = []
    unused: list[Unused] = []
    skipped: list[str] = []
    start = root.resolve()
    entered = {start}

    def refused(error: OSError) -> None:
        where = Path(error.filename).relative_to(root).as_posix()
        unused.append(Unused(readable(where), f"a folder that cannot be read: {error.strerror}"))

    for here, below, found in os.walk(root, followlinks=True, onerror=refused):
        base = Path(here).relative_to(root)
        for name in sorted(below):
            relative = (base / name).as_posix()
            if _is_quiet(name):
                below.remove(name)
                skipped += [readable(relative)] if name.lower() in SYSTEM_FOLDERS else []
                continue
            real = Path(here, name).resolve()
            if real in entered or (Path(here, name).is_symlink() and _is_read(real, start)):
                below.remove(name)
                unused.append(Unused(readable(relative), "a link to a folder that is read already"))
            else:
                entered.add(real)
                folders.append(relative)
        below.sort()
        inside = "" if here == str(root) else f"{base.as_posix()}/"
        with os.scandir(here) as entries:
            plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        for name in found:
            if _is_quiet(name):
                continue
            relative, path = inside + name, f"{here}{os.sep}{name}"
            if name in plain or os.path.isfile(path):  # noqa: PTH113 - a Path per file is slow
                names.append(relative)
            else:
                reason = "a link to nothing" if Path(path).is_symlink() else "not a file"
                unused.append(Unused(readable(relative), reason))
    return Listing(root, tuple(sorted(names)), tuple(sorted(folders)), tuple(sorted(unused)), tuple(sorted(skipped)))


def _is_read(real: Path, start: Path) -> bool:
    """Return whether the walk from `start` reaches a folder by its real path, so that a link to it is an alias."""
    return real.is_relative_to(start) and (real == start or not is_hidden(real.relative_to(start).as_posix()))


def _unpacked(file: Path, path: str, raw: Path, plain: Collection[str]) -> bool:
    if file.name.lower().endswith(tuple(plain)):
        return False
    if archives.kind(file) is None:
        if file.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
            raise ValueError(f"data.source.path: {path} is named like an archive but cannot be read as one")
        return False
    try:
        archives.unpack(file, raw / KEPT)
    except archives.ArchiveError as error:
        raise ValueError(f"data.source.path: {path}: {error}") from None
    return True


def _check(file: Path, path: str, sha256: str | None) -> None:
    if sha256 is None:
        return
    found = files.sha256(file)
    if found != sha256.lower():
        raise ValueError(f"data.source.sha256: {path} has the sha256 {found}, expected {sha256}")


@contextlib.contextmanager
def downloaded(url: str, raw: Path, *, key: str = "data.source.path") -> Iterator[Path]:
    """Download a URL into a file in `raw` that is deleted after the block unless it was moved.

    Raises ValueError with the config key for an error of the server or network, OSError for one of the local disk.
    """
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name.replace("\0", "") or "download"
    target = raw / f".download-{hashlib.sha256(url.encode()).hexdigest()[:8]}" / name
    target.parent.mkdir()
    try:
        _load(url, target, key)
        yield target
    finally:
        shutil.rmtree(target.parent, ignore_errors=True)


def _load(url: str, target: Path, key: str) -> None:
    with target.open("wb") as out:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                expected = answer.headers.get("Content-Length")
                while block := answer.read(1 << 20):
                    out.write(block)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
            raise ValueError(f"{key}: could not download {url}: {reason}") from None
    if expected and target.stat().st_size != int(expected):
        got = f"{target.stat().st_size:,} of {int(expected):,} bytes"
        raise ValueError(f"{key}: could not download {url}: the connection ended after {got}")
