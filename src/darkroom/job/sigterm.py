"""SIGTERM handling: a stage exits at once, Snakemake once its jobs are done."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType


def end_stage() -> None:
    """Exit on SIGTERM with code 143 after running `finally` and `with` cleanup; Lightning alone would return code 0."""
    with contextlib.suppress(ValueError):  # only the main thread can set signal handlers
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def finish_jobs() -> None:
    """Run Snakemake's own SIGTERM handler in a thread.

    It takes a lock that the main thread may already hold (`JobScheduler.exit_gracefully`, seen in 9.27), which would deadlock
    Snakemake.
    """
    answer = signal.getsignal(signal.SIGTERM)
    if callable(answer) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *args: threading.Thread(target=answer, args=args).start())
