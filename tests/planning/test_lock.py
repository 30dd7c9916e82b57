"""Snakemake's locks are removed if, and only if, the process that they belong to is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.planning import lock

RUN = """
from pathlib import Path
from darkroom.planning import lock
kept = lock.hold()
Path(".snakemake/locks").mkdir(exist_ok=True)
Path(".snakemake/locks/0.output.lock").write_text("results/a")
print("running", flush=True)
input()
"""


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another run in the working directory, which holds its lock."""
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    yield process
    process.kill()
    process.wait()


def locked() -> bool:
    """Whether the lock is there after another run has begun."""
    kept = lock.hold()
    assert kept is not None
    kept.close()
    return Path(".snakemake/locks/0.output.lock").exists()


def test_the_lock_of_a_living_run_stays_and_that_of_a_killed_one_goes(running) -> None:
    assert locked()
    running.kill()
    running.wait()
    assert not locked()


def test_the_lock_of_a_run_stays_while_an_unlocked_one_ends(running) -> None:
    first = lock.hold()
    assert first is not None
    first.close()
    assert locked()


def test_the_lock_of_another_machine_stays(running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.kill()
    running.wait()
    monkeypatch.setattr(lock.socket, "gethostname", lambda: "elsewhere")
    assert locked()
    Path(".snakemake/locks/0.output.lock").unlink()  # by `snakemake --unlock`
    assert not locked()
    Path(".snakemake/locks/0.output.lock").touch()
    assert not locked()


def test_a_lock_from_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.output.lock").touch()
    assert locked()
