"""What a stage tells the outside while it runs: numbers by step, handed to whoever tracks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Log(Protocol):
    """Takes metrics by name (`train/loss`), with the optimizer step they belong to where there is one."""

    def __call__(self, values: Mapping[str, float], step: int | None = None) -> None: ...


def silent(values: Mapping[str, float], step: int | None = None) -> None:
    """The log of a stage that nobody tracks."""
