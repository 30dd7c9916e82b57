"""Runs for MLflow, written down by the stage and sent by a process of their own.

A stage appends its numbers to a spool file, which costs it microseconds. One sender process follows all files of the
folder, talks to MLflow (see `darkroom.tracking.sender`) and deletes each when everything has arrived; what could not be sent
stays and goes with the next stage or `darkroom sync`. So a slow or dead server never slows or fails a stage, and a killed
stage's run is closed as KILLED.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from darkroom.log import Log, complain, silent

SPOOL = Path("results/.tracking")
URI = "MLFLOW_TRACKING_URI"
SENDER_LOCK = "sender.lock"
SENDER_LOG = "sender.log"
DESTINATION = "destination"
SERVER = (
    "uv run mlflow server --host 0.0.0.0 --allowed-hosts '*' --backend-store-uri sqlite:////var/tmp/mlflow.db"
    " --artifacts-destination results/mlflow"
)
"""Starts a server for runs on a cluster; its database lies on a disk of the server's own."""


class Run:
    """One stage's run: a context manager that is also the stage's log. It writes only to its spool file."""

    def __init__(self, header: Mapping[str, Any], *, spool: Path = SPOOL) -> None:
        spool.mkdir(parents=True, exist_ok=True)
        self.path = spool / f"{uuid.uuid4().hex}.jsonl"
        self.stream = self.path.open("a", encoding="utf-8", buffering=1)
        # held as long as this process lives, however it ends: the sender sees by it that a run was killed
        fcntl.flock(self.stream, fcntl.LOCK_EX)
        self._write({"header": {**header, "start": _now()}})

    def __enter__(self) -> Self:
        direct(self.path.parent)
        if not held(self.path.with_name(SENDER_LOCK)):
            try:
                _start_sender(self.path.parent)
            except OSError as error:  # the next stage or `darkroom sync` starts one
                complain(f"tracking: {error}")
        return self

    def __call__(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._write({"metrics": {name: float(value) for name, value in values.items()}, "step": step, "time": _now()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Lightning turns Ctrl-C into SystemExit
        status = "FINISHED" if kind is None else "FAILED" if issubclass(kind, Exception) else "KILLED"
        self._write({"end": status, "error": f"{kind.__name__}: {error}" if kind else None, "time": _now()})
        with contextlib.suppress(OSError):  # what a full disk did not take is tried again here
            self.stream.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self.stream.write(json.dumps(record) + "\n")
        except OSError as error:  # a full disk must not fail the stage over its log
            complain(f"tracking: {error}")


def begin(header: Mapping[str, Any]) -> contextlib.AbstractContextManager[Log]:
    """The run of a stage; one that goes nowhere where the spool folder cannot be written."""
    try:
        return Run(header)
    except OSError as error:
        complain(f"tracking: {error}")
        return contextlib.nullcontext(silent)


def refuse_sqlite(uri: str) -> None:
    """Raises ValueError where jobs on many machines would write one SQLite file; an empty `uri` tracks nothing."""
    if uri.startswith("sqlite"):
        raise ValueError(
            f"tracking goes to {uri}, and jobs on many machines must not write one SQLite file over a shared file system. "
            f"Start a server, with one line: {SERVER}; then set {URI}=http://HOST:5000, or tracking.uri in the config. "
            f"With {URI}= (empty) nothing is tracked"
        )


def direct(spool: Path) -> None:
    """Have all that is not sent yet go to MLFLOW_TRACKING_URI, also by a sender that is at work; unset changes nothing."""
    uri = os.environ.get(URI)
    if uri and uri != destination(spool):
        fresh = spool / f".{DESTINATION}.{os.getpid()}"
        with contextlib.suppress(OSError):  # a full disk must not fail the stage over its log
            fresh.write_text(uri, encoding="utf-8")
            fresh.replace(spool / DESTINATION)


def destination(spool: Path) -> str | None:
    """The MLFLOW_TRACKING_URI of the last stage or `sync` that had one."""
    try:
        return (spool / DESTINATION).read_text(encoding="utf-8") or None
    except OSError:
        return None


def sync(*, spool: Path = SPOOL, patience: float = 20.0) -> list[Path]:
    """Send what earlier runs left behind, as long as it goes on arriving; gives the spool files that remain."""
    direct(spool)
    sender: subprocess.Popen[bytes] | None = None
    before, deadline = -1, 0.0
    while left := sorted(spool.glob("*.jsonl")):
        if len(left) != before:
            before, deadline = len(left), time.monotonic() + patience
        if time.monotonic() > deadline:
            break
        if not held(spool / SENDER_LOCK):
            if sender is not None and sender.poll() is not None:
                break  # it did what it could
            sender = sender or _start_sender(spool)
        time.sleep(0.2)
    return left


def last_complaint(*, spool: Path = SPOOL) -> str:
    """What senders said last about deliveries that failed, and which file has it all."""
    log = spool / SENDER_LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return f"{log} ends with: {lines[-1]}" if lines else "no sender has said why"


def held(path: Path) -> bool:
    """Whether a living process has the lock of a file: the stage of its spool file, the sender of the sender's lock."""
    try:
        with path.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a file's lock; without waiting, gives False where another process has it."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _start_sender(spool: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("MLFLOW_RUN_ID", None)  # it would make every run the same one
    if uri := destination(spool):
        environment[URI] = uri
    with (spool / SENDER_LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "darkroom.tracking.sender", str(spool)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def _now() -> int:
    return time.time_ns() // 1_000_000
