"""Where a source's files are: a local file or folder read in place, or an archive or download brought into `raw`."""

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
"""The folder in `raw` for what was unpacked or downloaded."""
SEEN = "files.json"
"""The file in `raw` that lists what is read in place."""
QUIET = {"thumbs.db", "desktop.ini", "__macosx"}
"""Names that systems leave behind; like hidden files they are passed over without a word."""
TIMEOUT = 60.0
"""Seconds without an answer before a download is given up."""


@dataclass(frozen=True)
class Listing:
    """The files of a source: names relative to `root`, sorted, with `/` between folders."""

    root: Path
    names: tuple[str, ...]
    folders: tuple[str, ...]
    """Every folder, also those without a file."""
    unused: tuple[Unused, ...] = ()

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self.root / name

    def below(self, top: str) -> Listing:
        """The part inside a folder, with names relative to it; the files outside are listed as unused."""
        start = f"{top}/"
        outside = (name for name in self.names if not name.startswith(start))
        return Listing(
            self.root / top,
            tuple(name.removeprefix(start) for name in self.names if name.startswith(start)),
            tuple(name.removeprefix(start) for name in self.folders if name.startswith(start)),
            (*self.unused, *(Unused(readable(name), f"outside of the folder {readable(top)}") for name in outside)),
        )

    def descend(self, *, stop: Collection[str] = ()) -> Listing:
        """Enter folders that stand alone at the top, but none with a name in `stop` (small letters)."""
        tops = [name for name in self.folders if "/" not in name]
        if len(tops) != 1 or tops[0].lower() in stop:
            return self
        return self.below(tops[0]).descend(stop=stop)


def bring(raw: Path, path: str, sha256: str | None, *, plain: Collection[str] = ()) -> None:
    """Fill `raw` from `path`: a local file or folder, or an http, https or file URL.

    Archives are unpacked, other downloads kept, both below `raw/files`; files with an ending in `plain` are never taken
    for archives. What is local and no archive stays where it is: `raw/files.json` lists its files with their sha256.
    Raises ValueError naming the config key to change.
    """
    scheme = urllib.parse.urlsplit(path).scheme.lower()
    if scheme in ("http", "https", "file"):
        with _downloaded(path, raw) as got:
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
    """Write down the files that are read in place, with their sha256; null for one that cannot be read."""
    sums: dict[str, str | None] = {}
    for name, where in found.items():
        try:
            sums[readable(name)] = files.sha256(where)
        except OSError:
            sums[readable(name)] = None
    files.write_json(raw / SEEN, {"path": path, "files": sums})


def listing(raw: Path, path: str) -> Listing:
    """The files that `bring` left in `raw`, or those at `path` when it wrote down that they stay there."""
    kept = raw / KEPT
    if kept.is_dir():
        return _walk(kept)
    return local_listing(existing(path))


def local_listing(local: Path) -> Listing:
    """The files at a local path: all in a folder but hidden ones, or the one file."""
    return _walk(local) if local.is_dir() else Listing(local.parent, (local.name,), ())


def local_files(local: Path) -> dict[str, Path]:
    """Every file at a local path by name: a source reads no others."""
    return {name: Path(path) for name, path in local_paths(local).items()}


def local_paths(local: Path) -> dict[str, str]:
    """As `local_files`, without a Path a file, which is slow for many."""
    found = local_listing(local)
    return {name: f"{found.root}{os.sep}{name}" for name in found.names}


def existing(path: str, key: str = "data.source.path") -> Path:
    """A local path that must be there. Raises ValueError with the config key."""
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
    """Whether a path has a part that systems make and people do not see."""
    return any(part.startswith(".") or part.lower() in QUIET for part in name.split("/"))


def _walk(root: Path) -> Listing:
    names: list[str] = []
    folders: list[str] = []
    unused: list[Unused] = []
    entered = {root.resolve()}

    def refused(error: OSError) -> None:
        where = Path(error.filename).relative_to(root).as_posix()
        unused.append(Unused(readable(where), f"a folder that cannot be read: {error.strerror}"))

    for here, below, found in os.walk(root, followlinks=True, onerror=refused):
        base = Path(here).relative_to(root)
        for name in sorted(below):
            relative, real = (base / name).as_posix(), Path(here, name).resolve()
            if is_hidden(name) or real in entered:
                below.remove(name)
                if not is_hidden(name):
                    unused.append(Unused(readable(relative), "a link to a folder that is read already"))
            else:
                entered.add(real)
                folders.append(relative)
        below.sort()
        inside = "" if here == str(root) else f"{base.as_posix()}/"
        with os.scandir(here) as entries:
            plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
        for name in found:
            if name[0] == "." or name.lower() in QUIET:  # `is_hidden`, fast
                continue
            relative, path = inside + name, f"{here}{os.sep}{name}"
            if name in plain or os.path.isfile(path):  # noqa: PTH113 - a Path a file is slow for many
                names.append(relative)
            else:
                reason = "a link to nothing" if Path(path).is_symlink() else "not a file"
                unused.append(Unused(readable(relative), reason))
    return Listing(root, tuple(sorted(names)), tuple(sorted(folders)), tuple(sorted(unused)))


def _unpacked(file: Path, path: str, raw: Path, plain: Collection[str]) -> bool:
    if file.name.lower().endswith(tuple(plain)):
        return False
    if archives.kind(file) is None:
        if file.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
            raise ValueError(f"data.source.path: {path} is named like an archive, but is none that can be read")
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
def _downloaded(url: str, raw: Path) -> Iterator[Path]:
    """Load a URL into a file that is gone after the block, unless it was moved."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name.replace("\0", "") or "download"
    target = raw / f".download-{hashlib.sha256(url.encode()).hexdigest()[:8]}" / name
    target.parent.mkdir()
    try:
        _load(url, target)
        yield target
    finally:
        shutil.rmtree(target.parent, ignore_errors=True)


def _load(url: str, target: Path) -> None:
    """Raises ValueError for what the other side did wrong, OSError for what this disk did."""
    with target.open("wb") as out:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                expected = answer.headers.get("Content-Length")
                while block := answer.read(1 << 20):
                    out.write(block)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
            raise ValueError(f"data.source.path: could not download {url}: {reason}") from None
    if expected and target.stat().st_size != int(expected):
        got = f"{target.stat().st_size:,} of {int(expected):,} bytes"
        raise ValueError(f"data.source.path: could not download {url}: the connection ended after {got}")
