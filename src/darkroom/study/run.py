"""The job `study run`: one study's experiment."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from darkroom import files, registry
from darkroom.log import Log
from darkroom.study import findings
from darkroom.study.config import RunSpec
from darkroom.study.findings import Findings


def run(spec: RunSpec, *, out: Path, log: Log) -> None:
    """Write what the experiment found (see `findings.write`), and log its numbers. Errors name the study."""
    torch.set_num_threads(1)
    chosen: Any = spec.study
    try:
        found: Findings = registry.build(chosen)
    except (ValueError, OSError, FloatingPointError) as error:
        raise type(error)(f"study {chosen.name}: {error}") from error
    except Exception as error:
        error.add_note(f"in the experiment of study {chosen.name}")
        raise
    with files.folder(out) as fresh:
        settings = chosen.model_dump(mode="json", exclude={"name"})
        findings.write(found, settings, fresh, constants=constants(chosen.name))
    log(dict(findings.metrics(found.numbers)))


def constants(study: str) -> dict[str, dict[str, Any]]:
    """Return the numbers, and tuples of numbers, that a study's imported modules name in capitals, by module.

    Modules of `darkroom.study` that they import whole count, too.
    """
    package = f"{__package__}.{study}."
    own = [module for name, module in sorted(sys.modules.items()) if name.startswith(package)]
    used = [value for module in own for value in vars(module).values() if isinstance(value, ModuleType)]
    shared = [module for module in used if module.__name__.rpartition(".")[0] == __package__]
    named = {
        module.__name__.rpartition(".")[2]: {name: value for name, value in vars(module).items() if name.isupper()}
        for module in [*shared, *own]
    }
    numbers = {
        module: {name: value for name, value in every.items() if _is_number(value)} for module, every in named.items()
    }
    return {module: found for module, found in numbers.items() if found}


def _is_number(value: object) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(isinstance(part, (int, float)) and math.isfinite(part) for part in parts)
