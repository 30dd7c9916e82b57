"""Output that is whole or absent: a stage fills a folder beside its target, which is renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Errors of a disk that takes no more; they often come without a file name."""
MANY = 200
"""Files that are written to the disk one by one, 5 ms each; more are so with all that the system has to write, at once."""
MANIFEST = "manifest.json"
TIMING = "timing.json"
"""Measured seconds: kept beside the results, but not in the manifest, as they differ from run to run."""
RECORD = "provenance.json"
"""What a result was made of, see `provenance.record`: not in the manifest, as other code may make the same result."""


@contextlib.contextmanager
def folder(target: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `target` when the block ends without an error.

    The manifest is written last. On an error nothing of the target is touched. Raises OSError with the target's name.
    """
    target = Path(target)
    unique = uuid.uuid4().hex[:12]
    fresh, stale = target.with_name(f".{target.name}.{unique}.new"), target.with_name(f".{target.name}.{unique}.old")
    try:
        fresh.mkdir(parents=True)
        yield fresh
        write_manifest(fresh)
        _replace(target, fresh, stale)
    except OSError as error:
        # what the block itself could not read is told as it is
        if error.errno in FULL or str(fresh) in str(error.filename):
            raise OSError(error.errno, f"could not write {target}: {error.strerror}") from error
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


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
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)


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
