"""Kills a run of Snakemake in a project: what is alive there, and who is hit by which signal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.planning.sections import stages


@dataclass(frozen=True)
class Process:
    """A living process; `stage` is that of a job, as in `darkroom.planning.sections`, else empty."""

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
                found.append(Process(int(entry.name), stage if stage in stages() else ""))
    return found


def jobs(root: Path) -> dict[int, str]:
    """The stage of every job that runs now, by process number."""
    return {process.pid: process.stage for process in alive(root) if process.stage}


def begun(root: Path, pid: int) -> bool:
    """Whether a job has its libraries loaded and is at its own work: it has claimed its result."""
    for path in root.glob("*/smoke/**/.*.writer"):
        with contextlib.suppress(OSError):
            if f"process {pid} on " in path.read_text():
                return True
    return False


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
