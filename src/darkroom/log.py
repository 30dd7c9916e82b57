"""What a stage reports while it runs: metrics by step, passed to whatever tracks them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Protocol


class Log(Protocol):
    """Takes metrics by name, such as `train/loss`, with their optimizer step if they have one."""

    def __call__(self, values: Mapping[str, float], step: int | None = None) -> None: ...


def silent(values: Mapping[str, float], step: int | None = None) -> None:
    """Drop the metrics of a stage that is not tracked."""


def complain(text: str) -> None:
    """Report a problem on standard error without stopping; a full disk behind it is ignored."""
    with contextlib.suppress(OSError):  # `print` would buffer, and fail the stage when it exits
        os.write(sys.stderr.fileno(), f"darkroom: {text}\n".encode())
