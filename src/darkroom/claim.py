"""One process at a time makes a result, and it is the newest: what a killed run left running stops when its successor begins.

Who makes a folder holds the lock of a file beside it, in which the newest comer writes its name. Whoever finds another's name
there stops; the newcomer waits for that, clears away what was left half written, and begins.
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
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

PAUSE = 0.5
"""Seconds between two looks at the file."""
PATIENCE = 120.0
"""Seconds for which an earlier process is waited for; a shared file system may show it the new name late."""
LEFT = re.compile(r"\.(.+)\.[0-9a-f]{12}\.(new|old)")
"""What `files.folder` names what it works on."""


@contextlib.contextmanager
def claim(target: Path) -> Iterator[None]:
    """Have a result for this process alone while the block runs.

    A process that loses it to a newer one ends at once with exit code 1 and a line on standard error. Raises TimeoutError
    where an earlier process does not end. Where the disk takes no file or the file system has no locks, nothing is held.
    """
    _append()
    path = target.with_name(f".{target.name}.writer")
    me = f"process {os.getpid()} on {socket.gethostname()}, {uuid.uuid4().hex}"
    try:
        stream = _locked(path, me, target)
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
                if parts[2] == "old" and not target.exists():  # killed when it had moved away what was there before
                    left.rename(target)
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        ended.set()
        if _read(path) == me:
            path.unlink(missing_ok=True)
        stream.close()


def _locked(path: Path, me: str, target: Path) -> TextIO:
    """The file, locked and with this process's name in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier, deadline = _read(path), time.monotonic() + PATIENCE
    while True:
        stream = path.open("a", encoding="utf-8")
        path.write_text(me, encoding="utf-8")
        while not _free(stream):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{target} is being made by {(earlier or 'another process').split(',')[0]}, which does not stop: "
                    "end it, then start again"
                )
            time.sleep(PAUSE)
            if _read(path) not in (me, None):
                _give_way(target)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        stream.close()  # the earlier process was done and took the file away in the meantime


def _free(stream: TextIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _watch(path: Path, me: str, target: Path, ended: threading.Event) -> None:
    while not ended.wait(PAUSE):
        if _read(path) not in (me, None) and not ended.is_set():
            _give_way(target)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _give_way(target: Path) -> None:
    with contextlib.suppress(OSError):
        os.write(
            sys.stderr.fileno(), f"darkroom: another process has begun to make {target}: this one stops\n".encode()
        )
    os._exit(1)


def _append() -> None:
    """Two processes may have one log file: each is to write at its end, not over what the other wrote."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(number).st_mode):
                fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
