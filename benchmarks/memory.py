"""Memory of every job of a run beside what its rule asks for.

    python benchmarks/memory.py [--epochs N] [smoke|config|FILE.yaml ...]

Every config runs in a fresh copy of the project. Each job is started through a `python` that watches it: the largest sum,
over the job's process and the sender of its tracking, of the most memory each has had resident. A job on a cluster is
wrapped in two Snakemake processes, so twice the memory of a dry run is added. `--epochs` shortens every training, which takes
as much memory then. Wanted: no job takes more than it asks for, none asks for more than three times what it takes.
"""

from __future__ import annotations

import argparse
import json
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

import watched
from darkroom.files import MANIFEST
from darkroom.planning.needs import Images, images_beside, need
from darkroom.planning.sections import stages
from project import copy_project, environment

SHIM = """#!/bin/sh
exec {python} {watcher} {records} {python} "$@"
"""


def main() -> None:
    """Print a line a job; exit code 1 when one is not as wanted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    parser.add_argument("configs", nargs="*", default=["smoke"])
    given = parser.parse_args()
    bad = 0
    for name in given.configs:
        config = name if name.endswith(".yaml") else f"config/{name}.yaml"
        with tempfile.TemporaryDirectory() as folder:
            bad += measure(Path(folder), config, given.epochs)
    sys.exit(1 if bad else 0)


def measure(project: Path, config: str, epochs: int | None) -> int:
    """Run a config and compare; gives the number of jobs that are not as wanted."""
    copy_project(project)
    if epochs:
        content = yaml.safe_load((project / config).read_text())
        for section in ("classify", "generate", "detect"):
            if section in content:
                content[section] = {**(content[section] or {}), "training": {"epochs": epochs}}
        config = "config/short.yaml"
        (project / config).write_text(yaml.safe_dump(content, sort_keys=False))
    records = project / "records.jsonl"
    (shims := project / "shims").mkdir()
    for alias in ("python", "python3"):
        shim = shims / alias
        shim.write_text(SHIM.format(python=sys.executable, watcher=Path(watched.__file__).resolve(), records=records))
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    surroundings = environment(shims)
    surroundings.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "snakemake", "--configfile", config]
    wrapper = 2 * watched.run([*command, "--dry-run", "--quiet"], cwd=project, env=surroundings)[0]
    done = subprocess.run(command, cwd=project, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    ratios = []
    print(f"{config}: two Snakemake processes take {wrapper:.0f} MB of each job\n")
    print("   asks   takes  ratio  job")
    for record in sorted(map(json.loads, records.read_text().splitlines()), key=lambda r: str(r["out"])):
        asks, takes = asked(project, record), record["mb"] + wrapper
        ratios.append(asks / takes)
        print(f"{asks:7} {takes:7.0f} {ratios[-1]:6.2f}  {record['stage']}: {record['out']}")
    bad = sum(not 1 <= ratio <= 3 for ratio in ratios)
    print(
        f"\n{len(ratios)} jobs ask for {min(ratios):.2f} to {max(ratios):.2f} times what they take; {bad} not as wanted"
    )
    return bad


def asked(project: Path, record: dict[str, Any]) -> int:
    """The megabytes that a job's rule asks for on its first attempt."""
    training = record["spec"].get("training")
    size = SimpleNamespace(**training) if training else None
    images = images_beside(project / record["images"] / MANIFEST) if record["images"] else Images()
    return need(stages()[record["stage"]].cost, images, size, 1).mem_mb  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
