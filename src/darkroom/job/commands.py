"""Commands of the command line: `darkroom SECTION STEP` is a stage, or a command outside the workflow."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "classify predict": "darkroom.classify.predict",
    "detect score": "darkroom.detect.score",
    "export": "darkroom.serve.export.command",
    "generate export": "darkroom.generate.diffusion.export",
    "generate sample": "darkroom.generate.sample",
    "suggest labels": "darkroom.suggest.labels",
}
"""Commands whose `run` takes neither spec nor log, may return an exit code, and is not tracked."""


def find(name: str) -> ModuleType | None:
    """Return a command's module, or None: `darkroom.SECTION.STEP` if the section has jobs and `run` takes a spec."""
    if name in COMMANDS:
        return importlib.import_module(COMMANDS[name])
    section, _, step = name.partition(" ")
    if not (
        step.isidentifier() and (ROOT / section / "jobs.py").is_file() and (ROOT / section / f"{step}.py").is_file()
    ):
        return None
    module = importlib.import_module(f"darkroom.{section}.{step}")
    run = getattr(module, "run", None)
    return module if run is not None and "spec" in inspect.signature(run).parameters else None
