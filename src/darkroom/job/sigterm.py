"""What SIGTERM does: a stage ends at once, Snakemake when its jobs are done."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType


def end_stage() -> None:
    """Have this process end with exit code 143 and what `finally` and `with` clear away; Lightning alone would give code 0."""
    with contextlib.suppress(ValueError):  # only the main thread of a process can say what a signal does
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def finish_jobs() -> None:
    """Have Snakemake's own answer run in a thread.

    It takes a lock that the main thread may hold already (`JobScheduler.exit_gracefully`, seen in 9.27): Snakemake would then
    wait for itself for ever.
    """
    answer = signal.getsignal(signal.SIGTERM)
    if callable(answer) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *args: threading.Thread(target=answer, args=args).start())
