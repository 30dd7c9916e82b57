"""Exclusive writing of a result by the newest process: orphans of a killed run stop when their successor starts.

The process that writes a folder locks a file beside it and stores its name there, prefixed with the time it was called.
A process that finds the name of a later call, or that call's result, stops; the later process waits for this, removes
partial output, and starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from darkroom import files

PAUSE = 0.5
"""Seconds between polls of the file."""
PATIENCE = 120.0
"""Seconds to wait for an earlier process; on a shared file system it may see the new name late."""
LEFT = re.compile(r"\.(.+)\.[0-9a-f]{12}\.(new|old)")
"""Pattern of the temporary names that `files.folder` uses."""


@contextlib.contextmanager
def claim(target: Path, *, called: float) -> Iterator[None]:
    """Reserve a result for this process while the block runs; `called` is the time of its call, in seconds since 1970.

    A process that loses it to a later call exits at once with code 1 and a line on standard error. Raises TimeoutError if an
    earlier process does not exit. Holds nothing if the file cannot be written or the file system has no locks.
    """
    _append()
    path = target.with_name(f".{target.name}.writer")
    me = f"{called:017.3f}: process {os.getpid()} on {socket.gethostname()}"
    try:
        stream = _locked(path, me, target, called)
    except TimeoutError:
        raise
    except OSError:
        yield
        return
    ended = threading.Event()
    threading.Thread(target=_watch, args=(path, me, target, ended), daemon=True).start()
    try:
        for left in target.parent.iterdir():
            if (parts := LEFT.fullmatch(left.name)) and parts[1] == target.name:
                if parts[2] == "old" and not target.exists():  # killed after moving the previous result away
                    left.rename(target)
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        ended.set()
        if _read(path) == me:
            path.unlink(missing_ok=True)
        stream.close()


def _locked(path: Path, me: str, target: Path, called: float) -> TextIO:
    """Return the file, locked and holding this process's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier, deadline = _read(path), time.monotonic() + PATIENCE
    while True:
        stream = path.open("a", encoding="utf-8")
        while not _free(stream):
            _insist(path, me, target)
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{target} is being made by {(earlier or 'another process').split(': ')[-1]}, which does not stop: "
                    "end it, then start again"
                )
            time.sleep(PAUSE)
        with contextlib.suppress(FileNotFoundError):
            if (target / files.RECORD).stat().st_mtime > called:
                _give_way(target)
        path.write_text(me, encoding="utf-8")
        if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
            return stream
        stream.close()  # the earlier process finished and removed the file in the meantime


def _free(stream: TextIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _watch(path: Path, me: str, target: Path, ended: threading.Event) -> None:
    while not ended.wait(PAUSE):
        with contextlib.suppress(OSError):
            _insist(path, me, target)


def _insist(path: Path, me: str, target: Path) -> None:
    """Keep this process's name in the file, or exit if it holds that of a newer process."""
    name = _read(path)
    if name is not None and name > me:
        _give_way(target)
    if name is not None and name != me:
        path.write_text(me, encoding="utf-8")


def _give_way(target: Path) -> NoReturn:
    with contextlib.suppress(OSError):
        told = f"darkroom: a newer process is building {target}; stopping\n"
        os.write(sys.stderr.fileno(), told.encode())
    os._exit(1)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _append() -> None:
    """Switch output files to append mode, so that two processes with one log file do not overwrite each other."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(number).st_mode):
                fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
