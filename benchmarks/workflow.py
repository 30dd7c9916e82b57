"""Seconds of whole runs, packages installed: smoke, the default run, each again with nothing to do.

    python benchmarks/workflow.py [smoke|config ...]

Every config runs in a fresh copy of the project. Processor seconds are those of all processes: what they take to import, to
train, to draw, and for all else, by stage; "idle" is what the cores had left. Wanted on two cores: smoke at most 90 s, the
default run at most 240 s, a run with nothing to do at most 4 s.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from project import ROOT, copy_project, environment

WANTED = {"smoke": 90.0, "config": 240.0}
PHASES = ("imports", "training", "plots", "other", "children")


def main() -> None:
    """Print the seconds of each config, and where they went."""
    for name in sys.argv[1:] or ["smoke", "config"]:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as phases:
            project = Path(folder)
            copy_project(project)
            first, jobs, after = run(project, name, Path(phases))
            again = min(run(project, name)[0] for _ in range(3))
            wanted = WANTED.get(name)
            goal = f" (wanted {wanted:.0f})" if wanted else ""
            print(f"{name:8} {jobs} jobs in {first:6.1f} s{goal}; nothing to do {again:4.1f} s (wanted 4)", flush=True)
            print(
                f"from the last job to the exit {after:.1f} s (wanted 5), in which MLflow receives what is left",
                flush=True,
            )
            print("\n".join(table(Path(phases), first)), flush=True)


def table(phases: Path, seconds: float) -> Iterator[str]:
    """One row per stage, their sum, and what is left of the cores' time."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for path in phases.glob("*.json"):
        process = json.loads(path.read_text(encoding="utf-8"))
        stage = stage_of(process["words"])
        spent = dict(process["phases"])
        if stage not in ("snakemake", "shells"):
            spent["children"] = process["children"]  # workers; those of Snakemake are the jobs
        found[stage]["processes"] += 1
        for phase, value in spent.items():
            found[stage][phase] += value
    yield f"{'processor seconds':22}{'n':>4}" + "".join(f"{phase:>10}" for phase in PHASES) + f"{'sum':>10}"
    total = [0.0] * len(PHASES)
    for stage, row in sorted(found.items()):
        values = [row[phase] for phase in PHASES]
        total = [before + value for before, value in zip(total, values, strict=True)]
        yield f"{stage:22}{row['processes']:4.0f}" + "".join(f"{v:10.1f}" for v in values) + f"{sum(values):10.1f}"
    yield f"{'all':26}" + "".join(f"{value:10.1f}" for value in total) + f"{sum(total):10.1f}"
    cores = len(os.sched_getaffinity(0))
    yield f"{cores} cores for {seconds:.1f} s: {cores * seconds - sum(total):.1f} core seconds idle, or taken by other programs"


def stage_of(words: list[str]) -> str:
    """What a process ran: a stage, Snakemake, or the sender to MLflow."""
    match words:
        case ["-m", "darkroom", section, step, *_]:
            return f"{section} {step}"
        case ["-m", "darkroom.tracking.sender", *_]:
            return "tracking"
        case ["-m", "darkroom", *_]:
            return "tracking"
        case ["-m", "snakemake", *_]:
            return "snakemake"
    return "shells"


def run(project: Path, name: str, phases: Path | None = None) -> tuple[float, int, float]:
    """Seconds of one call of snakemake, its number of jobs, and the seconds after the last of them.

    Raises RuntimeError with its output when it fails.
    """
    surroundings = environment()
    surroundings.pop("MLFLOW_TRACKING_URI", None)
    if phases is not None:
        paths = [str(ROOT / "benchmarks" / "phases"), *filter(None, [surroundings.get("PYTHONPATH")])]
        surroundings |= {"PYTHONPATH": os.pathsep.join(paths), "DARKROOM_PHASES": str(phases)}
    command = [sys.executable, "-m", "snakemake", "--configfile", f"config/{name}.yaml"]
    started = last = time.monotonic()
    lines, jobs = [], 0
    with subprocess.Popen(
        command, cwd=project, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if finished := re.match(r"(\d+) of \d+ steps", line):
                jobs, last = int(finished[1]), time.monotonic()
    if process.returncode:
        raise RuntimeError("".join(lines))
    ended = time.monotonic()
    return ended - started, jobs, ended - last


if __name__ == "__main__":
    main()
