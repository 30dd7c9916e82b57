"""Wall time outside stages of a sweep of small jobs on Slurm: profiles/slurm, with bundles, and the executor's defaults.

    python benchmarks/sweep.py [--jobs N] [profile] [bundles] [defaults]

A sweep fits and evaluates the PCA detector on digits, N jobs of some seconds. As root on Debian: it brings up a Slurm of two
virtual nodes with `profiles/slurm/up`. Each stage is started through a `python` that notes when it began and ended. Outside
stages is the share of the wall time in which no stage ran anywhere. Wanted: at most a third. The two nodes are one machine,
so stages that run side by side with the start of others take longer.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from project import ROOT, copy_project, environment

CONFIG = """
name: sweep
data: {{source: sklearn}}
detect: {{normal: "1", seeds: {seeds}, detectors: {{pca: }}, examples: 1, resamples: 1}}
"""
SHIM = """#!/bin/sh
began=$(date +%s.%N)
{python} "$@"
code=$?
case "$*" in *"--out "*) echo "$began $(date +%s.%N)" >> {records};; esac
exit $code
"""
SLURM = ["--executor", "slurm", "--rerun-incomplete", "--slurm-status-command", "squeue"]
HOW = {
    "profile": ["--workflow-profile", "profiles/slurm"],
    "bundles": ["--workflow-profile", "profiles/slurm", "--group-components", "detect=8"],
    # as the executor's documentation has it; what it needs to run here at all, and no more
    "defaults": [
        *SLURM,
        "--jobs",
        "200",
        "--workflow-profile",
        "none",
        "--default-resources",
        "slurm_partition=main",
        "--groups",
        "detect_fit=fit",
        "detect_evaluate=evaluate",
    ],
}


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=200, help="fits and evaluations together")
    parser.add_argument("how", nargs="*", default=[*HOW])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ROOT / "profiles/slurm/up", f"{folder}/slurm"], check=True)
        try:
            for how in given.how:
                measure(Path(folder, how), how, given.jobs)
        finally:
            subprocess.run([ROOT / "profiles/slurm/down", f"{folder}/slurm"], check=True)


def measure(project: Path, how: str, jobs: int) -> None:
    """Run the sweep in a fresh copy of the project, its data made before."""
    project.mkdir()
    copy_project(project)
    (project / "config/sweep.yaml").write_text(CONFIG.format(seeds=jobs // 2))
    records = project / "records"
    (shims := project / "shims").mkdir()
    for alias in ("python", "python3"):
        (shim := shims / alias).write_text(SHIM.format(python=sys.executable, records=records))
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    given = {**environment(shims), "MLFLOW_TRACKING_URI": ""}
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/sweep.yaml"]
    call([*command, "--until", "data_prepare"], project, given)
    records.unlink()
    began = time.time()
    said = call([*command, *HOW[how], "--cores", str(os.cpu_count())], project, given)
    wall = time.time() - began
    spans = sorted(tuple(map(float, line.split())) for line in records.read_text().splitlines())
    seconds = sum(end - start for start, end in spans)
    print(
        f"{how}: {len(spans)} jobs in {len(re.findall('has been submitted', said))} submissions, {wall:.0f} s; "
        f"{1 - covered(spans) / wall:.2f} of it outside stages; {seconds / len(spans):.1f} s a stage",
        flush=True,
    )


def covered(spans: list[tuple[float, ...]]) -> float:
    """Seconds in which at least one of the spans, sorted by their starts, was under way."""
    ends = itertools.accumulate((end for _, end in spans), max, initial=0.0)
    return sum(max(0.0, end - max(start, before)) for (start, end), before in zip(spans, ends, strict=False))


def call(command: list[str], project: Path, environment: dict[str, str]) -> str:
    """What Snakemake says. Raises RuntimeError with it when it fails."""
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
