"""How far a training is: a line on standard error now and then, which ends up in the job's log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping

SECONDS = 10.0
"""Shortest time between two lines."""


class ProgressLines:
    """Writes a line at an epoch's end, or within one that is long, at most every `SECONDS`; and one at the very end.

    `steps` counts training batches in all. The time left is estimated from the steps since this process began.
    """

    def __init__(self, *, epochs: int, steps: int, done: int) -> None:
        self.epochs, self.steps, self.first = epochs, steps, done
        self.started = self.written = time.monotonic()

    def batch_ended(self, step: int) -> None:
        """Write a line if the last one is old."""
        if time.monotonic() - self.written >= SECONDS:
            self._write(1 + (step - 1) * self.epochs // self.steps, step, {})

    def epoch_ended(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Write a line if the last one is old, or this was the first epoch of this process or the last of all."""
        first = self.written == self.started
        if first or epoch == self.epochs or time.monotonic() - self.written >= SECONDS:
            self._write(epoch, step, values)

    def _write(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        now = time.monotonic()
        left = (now - self.started) / max(1, step - self.first) * (self.steps - step)
        shown = "".join(f", {name} {value:.4g}" for name, value in values.items())
        with contextlib.suppress(OSError):  # a full disk must not stop the training
            print(
                f"epoch {epoch}/{self.epochs}, step {step}/{self.steps}{shown}, {duration(left)} left", file=sys.stderr
            )
            sys.stderr.flush()
        self.written = now


def duration(seconds: float) -> str:
    """Return a time as `8 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
