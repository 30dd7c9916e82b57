"""Output that is whole or absent: a stage fills a folder beside its target, which is renamed when complete."""

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
"""Errors of a disk that takes no more; they often come without a file name."""
MANY = 200
"""Files that are written to the disk one by one, 5 ms each; more are so with all that the system has to write, at once."""
PROBE = 2**16
"""Bytes that a disk takes as long as it is not full."""
MANIFEST = "manifest.json"
TIMING = "timing.json"
"""Measured seconds: kept beside the results, but not in the manifest, as they differ from run to run."""
RECORD = "provenance.json"
"""What a result was made of, see `provenance.record`: not in the manifest, as other code may make the same result."""


@contextlib.contextmanager
def folder(target: Path, *, whole: bool = True) -> Iterator[Path]:
    """A fresh folder that takes the place of `target` when the block ends without an error.

    The manifest is written last, and not at all where the result is not `whole`: nobody takes it for one then. On an error
    nothing of the target is touched. Raises OSError with the target's name; of a full disk with the file's, the space
    needed and the space there is.
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
    """Tells what a disk did not take: raises OSError with the names in `target` for what could not be written in `fresh`.

    What the block itself could not read is told as it is.
    """
    try:
        yield
    except Exception as error:
        number = getattr(error, "errno", None)
        # libraries tell of a full disk in words of their own: then the disk itself is asked
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
    """The file that a full disk did not take, what `target` takes at least, and what will be free without `fresh`."""
    disk = next(parent for parent in fresh.absolute().parents if parent.exists())
    written = {path: path.stat() for path in fresh.rglob("*") if path.is_file()}
    free = shutil.disk_usage(disk).free + sum(512 * status.st_blocks for status in written.values())
    least = max(free, sum(status.st_size for status in written.values()))
    named = str(getattr(error, "filename", None) or "")
    reason = os.strerror(getattr(error, "errno", None) or errno.ENOSPC)
    if named.startswith(str(fresh)):
        last = Path(named)
    elif least > free or _takes_no_more(disk):  # the file is there as far as it came
        last = max(written, key=lambda path: written[path].st_mtime_ns, default=fresh)
    elif _takes_no_more(temporary := Path(tempfile.gettempdir())):
        return f"{reason}, though the disk of {target} has {size(free)} free: see to the one of {temporary}"
    else:  # a library took away what it could not finish
        last = fresh
    told = f"could not write {target / last.relative_to(fresh)}: {reason}"
    system = os.statvfs(disk)
    if system.f_files and not system.f_favail:
        return f"{told}. Its disk has no room for more files (inodes), however small; remove some and run again"
    return (
        f"{told}. {target} takes more than {size(least)}, and its disk has {size(free)} free; make room and run again"
    )


def size(count: int) -> str:
    """A number of bytes to be read: `1.3 MB`."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.{1 if count < 100 * 1000**power else 0}f} {unit}"
    return f"{count} bytes"


def reserve(path: Path, count: int) -> None:
    """Make a file of so many bytes, or raise OSError now where the disk has not so much room."""
    with Path(path).open("ab") as stream:
        stream.truncate(count)  # a file of the right length: it tells how much was needed
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
    """Have the disk hold a file's bytes, or the names in a folder, now: what is renamed after that is whole after a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_manifest(root: Path) -> None:
    """List every file below `root` with its sha256, sorted, without the measured times."""
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    files = {name: sha256(root / name) for name in names if name not in (MANIFEST, TIMING)}
    write_json(root / MANIFEST, {"files": files})


def read_manifest(root: Path) -> dict[str, str]:
    """The sha256 of each file of a stage's folder, by name. Raises FileNotFoundError when the stage did not finish."""
    path = Path(root) / MANIFEST
    if not path.exists():
        raise FileNotFoundError(f"{root} holds no {MANIFEST}: the stage that makes it has not run or did not finish")
    files: dict[str, str] = read_json(path)["files"]
    return files


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, as hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Readable JSON with sorted keys; replaces the file whole. NaN and infinity are errors."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    fresh = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.new")
    try:
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def local(path: str) -> Path | None:
    """What is at a local path, its `~` written out; None where nothing is, or nothing can be: too long a name, no such
    user's home."""
    try:
        found = Path(path).expanduser()
        return found if found.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None


def read_json(path: Path) -> Any:
    """The value in a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
