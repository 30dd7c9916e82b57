"""Write the processor seconds of this process by phase, for `benchmarks/workflow.py`; Python imports it when it starts.

With `DARKROOM_PHASES=FOLDER` in the environment every Python process leaves a JSON file there when it ends: what it ran, its
seconds in imports, in the training loop, in drawing plots and in all else, and those of its child processes.
"""

from __future__ import annotations

import atexit
import builtins
import functools
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = os.environ.get("DARKROOM_PHASES")


class Clock:
    """Processor seconds of all threads by phase; the innermost phase takes the time."""

    def __init__(self) -> None:
        self.seconds = {"other": time.process_time()}  # what starting Python took
        self.phases = ["other"]
        self.since = time.process_time()

    def enter(self, phase: str) -> None:
        self._book()
        self.phases.append(phase)

    def leave(self) -> None:
        self._book()
        self.phases.pop()

    def _book(self) -> None:
        now = time.process_time()
        self.seconds[self.phases[-1]] = self.seconds.get(self.phases[-1], 0.0) + now - self.since
        self.since = now

    def write(self, folder: str) -> None:
        self._book()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = {
            "words": sys.orig_argv[1:5],
            "phases": self.seconds,
            "children": children.ru_utime + children.ru_stime,
        }
        Path(folder, f"{os.getpid()}.json").write_text(json.dumps(found), encoding="utf-8")


def follow(clock: Clock) -> None:
    """Book imports, and what the training loop and the drawing functions of Darkroom take once they are imported."""
    plain = builtins.__import__

    def watched(name: str, *given: Any, **more: Any) -> Any:
        if name in sys.modules:
            return plain(name, *given, **more)
        clock.enter("imports")
        try:
            module = plain(name, *given, **more)
        finally:
            clock.leave()
        if name == "darkroom.fit.trainer":
            _book_functions(clock, sys.modules[name], "training", only="fit")
        elif name.startswith("darkroom.") and name.endswith("figures"):
            _book_functions(clock, sys.modules[name], "plots")
        return module

    builtins.__import__ = watched


def _book_functions(clock: Clock, module: Any, phase: str, only: str = "") -> None:
    for name, value in list(vars(module).items()):
        own = getattr(value, "__module__", "") == module.__name__ and not isinstance(value, type) and callable(value)
        if own and not name.startswith("_") and (not only or name == only):
            setattr(module, name, _booked(clock, value, phase))


def _booked(clock: Clock, function: Callable[..., Any], phase: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def booked(*given: Any, **more: Any) -> Any:
        clock.enter(phase)
        try:
            return function(*given, **more)
        finally:
            clock.leave()

    return booked


if FOLDER:
    _clock = Clock()
    follow(_clock)
    atexit.register(_clock.write, FOLDER)
