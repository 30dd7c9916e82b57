"""Runs for MLflow, written down by the stage and sent by a process of their own.

A stage appends its numbers to a spool file, which costs it microseconds. A sender process follows the file, talks to MLflow
(see `darkroom.mlflow_sender`) and deletes it when everything has arrived; what could not be sent stays and goes with the next
`darkroom sync`. So a slow or dead server never slows or fails a stage, and a killed stage's run is closed as KILLED.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SPOOL = Path("results/.tracking")
URI = "MLFLOW_TRACKING_URI"


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
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_RUN_ID": ""}
        environment.pop("MLFLOW_RUN_ID")
        subprocess.Popen(
            [sys.executable, "-m", "darkroom.mlflow_sender", str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        return self

    def __call__(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._write({"metrics": {name: float(value) for name, value in values.items()}, "step": step, "time": _now()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "FINISHED" if kind is None else "KILLED" if kind is KeyboardInterrupt else "FAILED"
        self._write({"end": status, "error": f"{kind.__name__}: {error}" if kind else None, "time": _now()})
        self.stream.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self.stream.write(json.dumps(record) + "\n")
        except OSError as error:  # a full disk must not fail the stage over its log
            print(f"darkroom: tracking: {error}", file=sys.stderr)


def sync(*, spool: Path = SPOOL, patience: float = 60.0) -> list[Path]:
    """Send what earlier runs left behind and wait for the senders at work; gives the spool files that remain."""
    deadline = time.monotonic() + patience
    tried: set[Path] = set()
    while left := sorted(spool.glob("*.jsonl")):
        at_work = [path for path in left if _held(path.with_suffix(".lock"))]
        if todo := [path for path in left if path not in tried and path not in at_work]:
            subprocess.run([sys.executable, "-m", "darkroom.mlflow_sender", *map(str, todo)], check=False)
            tried.update(todo)
        elif time.monotonic() > deadline or not at_work:
            return left
        else:
            time.sleep(0.2)
    return []


def owner_lives(spool_file: Path) -> bool:
    """Whether the stage that writes a spool file still runs."""
    return _held(spool_file)


def _held(path: Path) -> bool:
    try:
        with path.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _now() -> int:
    return time.time_ns() // 1_000_000
