"""Remove the locks of a dead Snakemake, so that a run can continue after its predecessor was killed.

Snakemake's locks are plain files, which stay if it is killed with SIGKILL or by a power cut. So every Snakemake holds a
shared lock (`flock`) on one more file, which the system releases with the process. A process that gets this lock
exclusively is alone, and no lock file that the same machine has written belongs to a living process.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
from pathlib import Path
from typing import TextIO

FOLDER = Path(".snakemake")


def hold() -> TextIO | None:
    """Remove dead locks in the working directory; keep the stream returned open while Snakemake runs.

    Locks of another machine stay, as this machine cannot check whether their process is alive. Nothing happens if the file
    system has no locks.
    """
    with contextlib.suppress(OSError):
        FOLDER.mkdir(exist_ok=True)
        stream = (FOLDER / "darkroom.running").open("a+", encoding="utf-8")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(stream)
        fcntl.flock(stream, fcntl.LOCK_SH)
        return stream
    return None


def _remove(stream: TextIO) -> None:
    stream.seek(0)
    locks = list((FOLDER / "locks").glob("*.lock"))
    if locks and stream.read() != socket.gethostname():
        return
    for lock in locks:
        lock.unlink(missing_ok=True)
    stream.truncate(0)
    stream.write(socket.gethostname())
    stream.flush()
