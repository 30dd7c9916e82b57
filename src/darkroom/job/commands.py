"""Commands of the command line: `darkroom SECTION STEP` is a stage, or a command outside the workflow."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Signature:
    """What a command's module says of it, read without importing the module, which takes seconds where it needs torch."""

    about: str
    """The module's docstring."""
    arguments: ast.arguments
    """Those of the module's `run`."""

    @property
    def names(self) -> list[str]:
        """The names of all arguments: positional ones first."""
        return [argument.arg for argument in [*self.arguments.args, *self.arguments.kwonlyargs]]


def named(words: Sequence[str]) -> str | None:
    """Return the stage or command that words begin with, of two words or one; None if they name none."""
    for name in (" ".join(words[:2]), *words[:1]):
        if name in COMMANDS or _is_stage(name):
            return name
    return None


def module(name: str) -> ModuleType:
    """Import a command, or a stage: `darkroom.SECTION.STEP`."""
    return importlib.import_module(_dotted(name))


def signature(name: str) -> Signature | None:
    """Return the signature of a command or a stage; None if its module has no function `run`."""
    path = ROOT.joinpath(*_dotted(name).split(".")[1:]).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    run = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"), None)
    return None if run is None else Signature(ast.get_docstring(tree) or "", run.args)


def _dotted(name: str) -> str:
    return COMMANDS.get(name) or f"darkroom.{name.replace(' ', '.')}"


def _is_stage(name: str) -> bool:
    """Return whether the section has jobs and the step's `run` takes a spec."""
    section, _, step = name.partition(" ")
    if not (
        step.isidentifier() and (ROOT / section / "jobs.py").is_file() and (ROOT / section / f"{step}.py").is_file()
    ):
        return False
    found = signature(name)
    return found is not None and "spec" in found.names
