"""All stages, collected from each section's `jobs.py`."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from darkroom.config.model import Config
from darkroom.job.stage import Stage

ROOT = Path(__file__).parents[1]


@functools.cache
def sections() -> tuple[str, ...]:
    """The packages that have jobs, in the order of the config's keys; those without a key of their own come last."""
    found = sorted(path.parent.name for path in ROOT.glob("*/jobs.py"))
    keys = [key for key in Config.model_fields if key in found]
    return (*keys, *(name for name in found if name not in keys))


@functools.cache
def stages() -> dict[str, Stage]:
    """All stages by name."""
    modules = [importlib.import_module(f"darkroom.{section}.jobs") for section in sections()]
    return {stage.name: stage for module in modules for stage in module.STAGES}
