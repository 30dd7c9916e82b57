"""Run the workflow: on a config in a folder of its own, or in a copy of the project that has no results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def copy_project(project: Path) -> None:
    """Copy what a run needs into a folder that has no results."""
    for part in ("workflow", "profiles", "config"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, project / part)


def environment(*first: Path) -> dict[str, str]:
    """Return the environment for Snakemake: its jobs find `python` in the folders `first`, then beside this Python."""
    path = (*first, Path(sys.executable).parent, os.environ["PATH"])
    return {**os.environ, "PATH": os.pathsep.join(map(str, path))}


def run_config(config: dict[str, Any], folder: Path, *, cores: int = 2, target: str | None = None) -> None:
    """Run the workflow on a config in `folder`, up to a target file or to the end. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "workflow" / "Snakefile"),
        "--configfile",
        str(path),
    ]
    command += ["--directory", str(folder), "--cores", str(cores), "--quiet", "all"]
    command += ["--", target] if target else []
    subprocess.run(command, check=True, cwd=folder, env=environment())
