"""A copy of the project to run the workflow in: its code, its rules and a config of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workflow.warm import warm

ROOT = Path(__file__).parents[2]
JOB = re.compile(r"^Job \d+: (.+)\nReason: (.+)$", re.MULTILINE)


@dataclass
class Project:
    """A folder with a Snakefile, and how to call it."""

    root: Path
    python_path: Path = Path(sys.executable)
    """What `python` is; see `warm`."""

    def config(self, name: str, content: dict[str, Any]) -> Path:
        """Write a config file; gives its path."""
        path = self.root / "config" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def call(
        self, *arguments: str, check: bool = True, tracking: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake here with the project's own code; `tracking` is an MLFLOW_TRACKING_URI."""
        running = self.start(*arguments, tracking=tracking)
        out, err = running.communicate()
        if check and running.returncode:
            raise AssertionError(f"snakemake {' '.join(arguments)}\n{out}\n{err}")
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def python(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python here with the project's own code."""
        running = self._start(arguments, None)
        out, err = running.communicate()
        if check and running.returncode:
            raise AssertionError(f"{' '.join(arguments)}\n{out}\n{err}")
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def start(self, *arguments: str, tracking: str | None = None, output: Path | None = None) -> subprocess.Popen[str]:
        """Start snakemake here; what it says goes to pipes, or to the end of a file: then it leads a group of processes."""
        return self._start(("-m", "snakemake", *arguments), tracking, output)

    def _start(
        self, arguments: tuple[str, ...], tracking: str | None, output: Path | None = None
    ) -> subprocess.Popen[str]:
        paths = (self.root / "elsewhere", self.root / "src")  # a test may put other versions of libraries there
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONWARNINGS": "ignore"}
        places = [self.python_path.parent, Path(sys.executable).parent]
        environment["PATH"] = os.pathsep.join([*map(str, places), environment["PATH"]])
        environment.pop("MLFLOW_TRACKING_URI", None)
        if tracking is not None:
            environment["MLFLOW_TRACKING_URI"] = tracking
        command = [str(self.python_path), *arguments]
        with output.open("a") if output else contextlib.nullcontext(subprocess.PIPE) as out:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=environment,
                stdout=out,
                stderr=out,
                text=True,
                process_group=0 if output else None,
            )

    def reasons(self, *arguments: str) -> dict[str, str]:
        """The jobs that would run now, by the messages of their rules, each with its reason."""
        plan = self.call("--dry-run", *arguments)
        return dict(JOB.findall(plan.stdout + plan.stderr))

    def planned(self, *arguments: str) -> set[str]:
        """The jobs that would run now, by the messages of their rules."""
        return set(self.reasons(*arguments))


def copy_files(root: Path) -> Path:
    """The files of the project that a run needs, without results."""
    for name in ("workflow", "profiles", "config", "src", "results/README.md", "data/README.md"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return root


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `python` that starts fast."""
    with warm(tmp_path_factory.mktemp("warm")) as path:
        yield path


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Project:
    """One project without results for all tests of a session; a test that changes it must put it back."""
    return Project(copy_files(tmp_path_factory.mktemp("project")), python)
