"""Seconds of whole runs, packages installed: smoke, the default run, each again with nothing to do.

    python benchmarks/workflow.py [smoke|config ...]

Every config runs in a fresh copy of the project. Wanted on two cores: smoke at most 90 s, the default run at most 360 s,
a run with nothing to do at most 4 s.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
WANTED = {"smoke": 90.0, "config": 360.0}


def main() -> None:
    """Print a line a config."""
    for name in sys.argv[1:] or ["smoke", "config"]:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            copy_project(project)
            first, jobs = run(project, name)
            again = min(run(project, name)[0] for _ in range(3))
            wanted = WANTED.get(name)
            goal = f" (wanted {wanted:.0f})" if wanted else ""
            print(f"{name:8} {jobs} jobs in {first:6.1f} s{goal}; nothing to do {again:4.1f} s (wanted 4)", flush=True)


def copy_project(project: Path) -> None:
    """Copy what a run needs into a folder that has no results."""
    for part in ("Snakefile", "workflow", "profiles", "config"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, project / part)


def run(project: Path, name: str) -> tuple[float, int]:
    """Seconds and number of jobs of one call of snakemake. Raises RuntimeError with its output when it fails."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "snakemake", "--configfile", f"config/{name}.yaml"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    finished = re.findall(r"^(\d+) of \d+ steps", done.stderr, re.MULTILINE)
    return seconds, int(finished[-1]) if finished else 0


if __name__ == "__main__":
    main()
