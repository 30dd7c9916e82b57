"""MLflow runs, spooled to disk by the stage and sent by a separate process.

A stage appends its metrics to a spool file, which takes microseconds. One sender process follows all files of the
folder, talks to MLflow (see `darkroom.tracking.sender`) and deletes each when everything has arrived; what could not be sent
stays and goes with the next stage or `darkroom sync`. So a slow or dead server never slows or fails a stage, and a killed
stage's run is closed as KILLED.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
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
QUIET = 5.0
"""Seconds until `sync` says what it is waiting for."""
SENDER_LOCK = "sender.lock"
SENDER_LOG = "sender.log"
DESTINATION = "destination"
SERVER = (
    "uv run mlflow server --host 0.0.0.0 --allowed-hosts '*' --backend-store-uri sqlite:////var/tmp/mlflow.db"
    " --artifacts-destination results/mlflow"
)
"""Command that starts a server for cluster runs, with the database on the server's local disk."""


class Run:
    """One stage's run: a context manager that is also the stage's log. It writes only to its spool file."""

    def __init__(self, header: Mapping[str, Any], *, spool: Path = SPOOL) -> None:
        spool.mkdir(parents=True, exist_ok=True)
        # sorted by time, so that a model arrives before what measures it
        self.path = spool / f"{time.time_ns():x}-{uuid.uuid4().hex}.jsonl"
        self.stream = self.path.open("a", encoding="utf-8", buffering=1)
        # held until this process ends, however it ends: this is how the sender detects a killed run
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
        with contextlib.suppress(OSError):  # closing retries writes that a full disk rejected
            self.stream.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self.stream.write(json.dumps(record) + "\n")
        except OSError as error:  # a full disk must not fail the stage over its log
            complain(f"tracking: {error}")


def record(line: str) -> dict[str, Any]:
    """Parse one line of a spool file; empty if a full disk truncated it."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def begin(header: Mapping[str, Any]) -> contextlib.AbstractContextManager[Log]:
    """Start a stage's run, or a no-op log if the spool folder is not writable."""
    try:
        return Run(header)
    except OSError as error:
        complain(f"tracking: {error}")
        return contextlib.nullcontext(silent)


def refuse_sqlite(uri: str) -> None:
    """Raise ValueError if jobs on many machines would write to one SQLite file; an empty `uri` disables tracking."""
    if uri.startswith("sqlite"):
        raise ValueError(
            f"tracking goes to {uri}, and jobs on many machines must not write one SQLite file over a shared file system. "
            f"Start a server, with one line: {SERVER}; then set {URI}=http://HOST:5000, or tracking.uri in the config. "
            f"With {URI}= (empty) nothing is tracked"
        )


def direct(spool: Path) -> None:
    """Redirect all unsent records to MLFLOW_TRACKING_URI, including those of an active sender; no effect if unset."""
    uri = os.environ.get(URI)
    if uri and uri != destination(spool):
        fresh = spool / f".{DESTINATION}.{os.getpid()}"
        with contextlib.suppress(OSError):  # a full disk must not fail the stage over its log
            fresh.write_text(uri, encoding="utf-8")
            fresh.replace(spool / DESTINATION)


def destination(spool: Path) -> str | None:
    """Return the MLFLOW_TRACKING_URI of the last stage or `sync` that had one set."""
    try:
        return (spool / DESTINATION).read_text(encoding="utf-8") or None
    except OSError:
        return None


def tracking_uri(spool: Path = SPOOL) -> str:
    """Return where runs go: MLFLOW_TRACKING_URI, or where the last ones went; empty if neither is known."""
    return os.environ.get(URI) or destination(spool) or ""


def sync(*, spool: Path = SPOOL, patience: float = 60.0) -> list[Path]:
    """Send records left by earlier runs while deliveries make progress; return the remaining spool files.

    Says what it is waiting for if that takes longer than `QUIET` seconds.
    """
    direct(spool)
    sender: subprocess.Popen[bytes] | None = None
    before, deadline, quiet_until = -1, 0.0, time.monotonic() + QUIET
    while left := sorted(spool.glob("*.jsonl")):
        if len(left) != before:
            before, deadline = len(left), time.monotonic() + patience
        if time.monotonic() > deadline:
            break
        if time.monotonic() > quiet_until:
            quiet_until = math.inf
            print(
                f"waiting for MLflow at {destination(spool)} to receive {len(left)} run{'s' if len(left) > 1 else ''}",
                flush=True,
            )
        if not held(spool / SENDER_LOCK):
            if sender is not None and sender.poll() is not None:
                break  # it has sent what it could
            sender = sender or _start_sender(spool)
        time.sleep(0.2)
    return left


def last_complaint(*, spool: Path = SPOOL) -> str:
    """Return the last line that senders logged about failed deliveries, and the log's path."""
    log = spool / SENDER_LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return f"{log} ends with: {lines[-1]}" if lines else "no sender has said why"


def held(path: Path) -> bool:
    """Return whether a live process holds a file's lock: a stage its spool file, a sender the sender lock."""
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
    """Hold a file's lock; with `wait=False`, yield False if another process holds it."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _start_sender(spool: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("MLFLOW_RUN_ID", None)  # it would merge all runs into one
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
