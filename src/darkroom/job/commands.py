"""Commands of the command line: `darkroom SECTION STEP` is a stage, or a command outside the workflow."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "classify predict": "darkroom.classify.predict",
    "compare": "darkroom.serve.compare.command",
    "detect score": "darkroom.detect.score",
    "detect teach": "darkroom.serve.teach",
    "export": "darkroom.serve.export.command",
    "generate export": "darkroom.generate.diffusion.export",
    "generate sample": "darkroom.generate.sample",
    "init": "darkroom.init.command",
    "ladder": "darkroom.planning.ladder",
    "promote": "darkroom.serve.registry.promote",
    "suggest labels": "darkroom.suggest.labels",
    "sync": "darkroom.tracking.sync",
    "watch": "darkroom.serve.watch.command",
    "why": "darkroom.planning.why",
}
"""Commands whose `run` takes neither spec nor log, may return an exit code, and is not tracked."""


def named(words: Sequence[str]) -> str | None:
    """Return the stage or command that words begin with, of two words or one; None if they name none."""
    for name in (" ".join(words[:2]), *words[:1]):
        if name in COMMANDS or _is_stage(name):
            return name
    return None


def module(name: str) -> ModuleType:
    """Import a command, or a stage: `darkroom.SECTION.STEP`."""
    return importlib.import_module(COMMANDS.get(name) or f"darkroom.{name.replace(' ', '.')}")


def _is_stage(name: str) -> bool:
    """Return whether the section has jobs and the step's `run` takes a spec."""
    section, _, step = name.partition(" ")
    if not (
        step.isidentifier() and (ROOT / section / "jobs.py").is_file() and (ROOT / section / f"{step}.py").is_file()
    ):
        return False
    run = getattr(module(name), "run", None)
    return run is not None and "spec" in inspect.signature(run).parameters
