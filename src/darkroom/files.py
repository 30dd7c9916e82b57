"""Output that is complete or absent: a stage fills a folder beside its target, which is renamed once it is complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a full disk; they often carry no file name."""
MANY = 200
"""Up to this many files are flushed to disk one by one (5 ms each); for more, the whole system is flushed once."""
PROBE = 2**16
"""Bytes that any disk accepts that is not full."""
MANIFEST = "manifest.json"
TIMING = "timing.json"
"""Measured seconds: kept beside the results but left out of the manifest, since they differ between runs."""
RECORD = "provenance.json"
"""What a result was made of (see `provenance.record`): left out of the manifest, since other code may give the same result."""


@contextlib.contextmanager
def folder(target: Path, *, whole: bool = True) -> Iterator[Path]:
    """Yield a fresh folder that replaces `target` if the block ends without an error.

    The manifest is written last, and not at all if the result is not `whole`, so that nothing takes it for a result. On an
    error `target` stays as it is. Raises OSError with the target's name; for a full disk with the file's name, the space
    needed and the space available.
    """
    target = Path(target)
    unique = uuid.uuid4().hex[:12]
    fresh, stale = target.with_name(f".{target.name}.{unique}.new"), target.with_name(f".{target.name}.{unique}.old")
    try:
        with telling(target, fresh):
            fresh.mkdir(parents=True)
            yield fresh
            if whole:
                write_manifest(fresh)
            _replace(target, fresh, stale)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


@contextlib.contextmanager
def telling(target: Path, fresh: Path) -> Iterator[None]:
    """Raise OSError naming files in `target` for files in `fresh` that could not be written.

    Errors of files that the block itself could not read pass unchanged.
    """
    try:
        yield
    except Exception as error:
        number = getattr(error, "errno", None)
        # libraries report a full disk in their own ways, so try the disk itself
        named = [str(name) for at in ("filename", "filename2") if (name := getattr(error, at, None)) is not None]
        ours = any(name.startswith(str(fresh)) for name in named)
        if (number in FULL and (ours or not named)) or (
            not isinstance(error, ValueError | ArithmeticError) and _takes_no_more(fresh)
        ):
            raise OSError(number or errno.ENOSPC, _no_room(error, target, fresh)) from error
        if isinstance(error, OSError) and ours:
            raise OSError(number, f"could not write {target}: {error.strerror}") from error
        raise


def _takes_no_more(folder: Path) -> bool:
    probe = folder / ".probe"
    try:
        probe.write_bytes(bytes(PROBE))
    except OSError as error:
        return error.errno in FULL
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return False


def _no_room(error: Exception, target: Path, fresh: Path) -> str:
    """Name the file that did not fit, the least space that `target` needs, and the space that is free without `fresh`."""
    disk = next(parent for parent in fresh.absolute().parents if parent.exists())
    written = {path: path.stat() for path in fresh.rglob("*") if path.is_file()}
    free = shutil.disk_usage(disk).free + sum(512 * status.st_blocks for status in written.values())
    least = max(free, sum(status.st_size for status in written.values()))
    named = str(getattr(error, "filename", None) or "")
    reason = os.strerror(getattr(error, "errno", None) or errno.ENOSPC)
    if named.startswith(str(fresh)):
        last = Path(named)
    elif least > free or _takes_no_more(disk):  # the file exists as far as it was written
        last = max(written, key=lambda path: written[path].st_mtime_ns, default=fresh)
    elif _takes_no_more(temporary := Path(tempfile.gettempdir())):
        return (
            f"{reason}, though the disk of {target} has {size(free)} free: free some space on the disk of {temporary}"
        )
    else:  # a library removed the file that it could not finish
        last = fresh
    told = f"could not write {target / last.relative_to(fresh)}: {reason}"
    system = os.statvfs(disk)
    if system.f_files and not system.f_favail:
        return f"{told}. Its disk is out of inodes and takes no more files of any size; delete some and run again"
    return f"{told}. {target} needs more than {size(least)}, and its disk has {size(free)} free; free some space and run again"


def size(count: int) -> str:
    """Format a number of bytes for reading, such as `1.3 MB`."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.{1 if count < 100 * 1000**power else 0}f} {unit}"
    return f"{count} bytes"


def reserve(path: Path, count: int) -> None:
    """Create a file of `count` bytes, or raise OSError now if the disk has less space."""
    with Path(path).open("ab") as stream:
        stream.truncate(count)  # the file then has its full length, which shows how much was needed
        if count and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, count)


def _replace(target: Path, fresh: Path, stale: Path) -> None:
    inside = [*fresh.rglob("*"), fresh]
    if len(inside) > MANY:
        os.sync()
    else:
        for path in inside:
            settle(path)
    if target.exists():
        target.rename(stale)
    try:
        fresh.rename(target)
    except BaseException:
        if stale.exists():
            stale.rename(target)
        raise
    settle(target.parent)


def settle(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to disk, so that a later rename is safe against a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_manifest(root: Path) -> None:
    """Write the manifest of `root`: every file with its sha256, sorted, without measured times."""
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    files = {name: sha256(root / name) for name in names if name not in (MANIFEST, TIMING)}
    write_json(root / MANIFEST, {"files": files})


def read_manifest(root: Path) -> dict[str, str]:
    """Return the sha256 of each file in a stage's folder. Raises FileNotFoundError if the stage has not finished."""
    path = Path(root) / MANIFEST
    if not path.exists():
        raise FileNotFoundError(f"{root} has no {MANIFEST}: its stage has not run or did not finish")
    files: dict[str, str] = read_json(path)["files"]
    return files


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical(value: Any) -> str:
    """Format JSON with sorted keys and no spaces: equal values give equal strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON with sorted keys, atomically. NaN and infinity are errors."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    fresh = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.new")
    try:
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def local(path: str) -> Path | None:
    """Expand `~` in a local path and return it, or None if nothing exists there or can (name too long, no such user)."""
    try:
        found = Path(path).expanduser()
        return found if found.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None


def read_json(path: Path) -> Any:
    """Read the value in a JSON file. Raises ValueError naming a damaged file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON, or of UTF-8
        raise ValueError(f"{path} is damaged ({error}); delete it and run again") from None
