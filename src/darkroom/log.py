"""What a stage tells the outside while it runs: numbers by step, handed to whoever tracks them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Protocol


class Log(Protocol):
    """Takes metrics by name (`train/loss`), with the optimizer step they belong to where there is one."""

    def __call__(self, values: Mapping[str, float], step: int | None = None) -> None: ...


def silent(values: Mapping[str, float], step: int | None = None) -> None:
    """The log of a stage that nobody tracks."""


def complain(text: str) -> None:
    """Say on standard error what went wrong and stops nothing: nor does a full disk on which that is kept."""
    with contextlib.suppress(OSError):  # not by `print`, whose buffer would fail the stage at its end
        os.write(sys.stderr.fileno(), f"darkroom: {text}\n".encode())
