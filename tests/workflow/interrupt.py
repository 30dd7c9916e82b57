"""Kills a run of Snakemake in a project: what is alive there, who is hit by which signal, and what must be equal afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from darkroom import files
from darkroom.stages import STAGES

BY_NATURE = (
    "*/timing.json",  # measured seconds
    "*/logs/*",  # what jobs said while they ran
    "results/.tracking/*",  # records on their way to MLflow
    "results/mlflow.db*",  # run ids and times
    "results/mlartifacts/*",  # files under run ids; they are copies
)
"""Files of results that differ between two undisturbed runs of the same config, too."""


def contents(root: Path) -> dict[str, str]:
    """The sha256 of every file of the results, but for those that differ by nature."""
    found = (path for top in ("data", "results") for path in (root / top).rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in found}
    return {
        name: files.sha256(path)
        for name, path in sorted(names.items())
        if not any(fnmatch(name, pattern) for pattern in BY_NATURE)
    }


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The names of files that are not in both with the same bytes."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@dataclass(frozen=True)
class Process:
    """A living process; `stage` is that of a job, as in `darkroom.stages`, else empty."""

    pid: int
    stage: str = ""


def alive(root: Path) -> list[Process]:
    """The processes at work in a folder: of Snakemake, jobs with their helpers, and what sends to MLflow."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == root and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                stage = " ".join(words[3:5]) if words[1:3] == ["-m", "darkroom"] else ""
                found.append(Process(int(entry.name), stage if stage in STAGES else ""))
    return found


def jobs(root: Path) -> dict[int, str]:
    """The stage of every job that runs now, by process number."""
    return {process.pid: process.stage for process in alive(root) if process.stage}


def send(number: signal.Signals, pid: int) -> None:
    """A signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _group(number: signal.Signals) -> Callable[[subprocess.Popen[str], int], None]:
    def hit(run: subprocess.Popen[str], job: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, number)

    return hit


def power_cut(root: Path) -> None:
    """End everything at once; nothing gets to clear anything away."""
    while found := alive(root):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                send(number, process.pid)
        time.sleep(0.05)


def _power_cut(run: subprocess.Popen[str], job: int) -> None:
    power_cut(Path(f"/proc/{run.pid}/cwd").readlink())


KINDS: dict[str, Callable[[subprocess.Popen[str], int], None]] = {
    "Ctrl-C": _group(signal.SIGINT),
    "SIGTERM to all": _group(signal.SIGTERM),
    "SIGTERM to Snakemake": lambda run, job: send(signal.SIGTERM, run.pid),
    "SIGTERM to a job": lambda run, job: send(signal.SIGTERM, job),
    "SIGKILL of Snakemake": lambda run, job: send(signal.SIGKILL, run.pid),
    "SIGKILL of a job": lambda run, job: send(signal.SIGKILL, job),
    "power cut": _power_cut,
}
"""Who is hit by what: called with Snakemake, which leads its process group, and with the process of a job."""
