"""The job `study run`: one study's experiment."""

from __future__ import annotations

from pathlib import Path
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
        findings.write(found, chosen.model_dump(mode="json", exclude={"name"}), fresh)
    log(dict(findings.metrics(found.numbers)))
