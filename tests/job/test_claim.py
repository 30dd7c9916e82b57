"""Two processes that make one result: the newer has it, the older stops and harms nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkroom import files
from darkroom.job import claim

WORK = """
import sys, time
from pathlib import Path
from darkroom import files
from darkroom.job.claim import claim
target, name, seconds, gate = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]
called = time.time()
if gate:  # what takes long before a result is claimed
    print("waits", flush=True)
    open(gate[0]).read()
with claim(target, called=called):
    print(name, "begins", flush=True)
    with files.folder(target) as fresh:
        (fresh / "name").write_text(name)
        time.sleep(seconds)
    print(name, "ends", flush=True)
"""


def start(target: Path, name: str, seconds: float, log: Path) -> subprocess.Popen[str]:
    """A process that makes a result and takes so long; both write one log, as two jobs of one rule would."""
    with log.open("w") as stream:
        run = subprocess.Popen(
            [sys.executable, "-c", WORK, str(target), name, str(seconds)], stdout=stream, stderr=stream, text=True
        )
    deadline = time.monotonic() + 60
    while f"{name} begins" not in log.read_text() and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def waiting(target: Path, gate: Path) -> subprocess.Popen[str]:
    """A process that was called and claims its result when something is written to the gate."""
    os.mkfifo(gate)
    command = [sys.executable, "-c", WORK, str(target), "slow", "0", str(gate)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "waits\n"
    return run


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.name != target.name)


def test_the_newer_has_the_result_and_the_older_stops(tmp_path: Path) -> None:
    target, log = tmp_path / "results" / "model", tmp_path / "log"
    older = start(target, "older", 60, log)
    newer = start(target, "newer", 1, log)
    assert older.wait(10) == 1
    assert newer.wait(10) == 0
    assert (target / "name").read_text() == "newer"
    assert left(target) == []
    told = log.read_text().splitlines()
    assert told[1:] == ["newer begins", "newer ends"]
    assert told[0].endswith(f"darkroom: a newer process is building {target}; stopping")


def test_what_was_there_before_comes_back_where_a_process_died_between_two_names(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with files.folder(target) as fresh:
        (fresh / "name").write_text("last good")
    target.rename(tmp_path / ".model.0123456789ab.old")
    with claim.claim(target, called=time.time()):
        assert (target / "name").read_text() == "last good"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "results" / "model"
    killed = start(target, "killed", 60, tmp_path / "log")
    other = target.with_name(".model.x.0123456789ab.new")
    other.mkdir()
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(left(target)) == 3
    assert start(target, "next", 0, tmp_path / "log").wait(10) == 0
    assert (target / "name").read_text() == "next"
    assert left(target) == [other.name], "it belongs to a result of another name"


def test_one_that_was_called_earlier_and_comes_later_has_to_stop(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target, gate = tmp_path / "results" / "model", tmp_path / "gate"
    slow = waiting(target, gate)
    newer = start(target, "newer", 3, tmp_path / "log")
    gate.write_text("go")
    assert slow.wait(10) == 1
    assert newer.wait(10) == 0
    assert (target / "name").read_text() == "newer"
    assert left(target) == []


def test_one_that_was_called_before_a_result_was_made_leaves_it(tmp_path: Path) -> None:
    target, gate = tmp_path / "results" / "model", tmp_path / "gate"
    slow = waiting(target, gate)
    assert start(target, "newer", 0, tmp_path / "log").wait(10) == 0
    files.write_json(target / files.RECORD, {})
    gate.write_text("go")
    assert slow.wait(10) == 1
    assert (target / "name").read_text() == "newer"


def test_one_that_does_not_stop_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "results" / "model"
    stuck = start(target, "stuck", 60, tmp_path / "log")
    os.kill(stuck.pid, signal.SIGSTOP)
    monkeypatch.setattr(claim, "PATIENCE", 0.1)
    try:
        with pytest.raises(TimeoutError, match=f"made by process {stuck.pid} on .*, which does not stop: end it"):
            claim.claim(target, called=time.time()).__enter__()
    finally:
        os.kill(stuck.pid, signal.SIGKILL)
        stuck.wait()


def test_a_file_that_cannot_be_written_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claim, "_locked", refuse)
    with claim.claim(tmp_path / "model", called=0.0), files.folder(tmp_path / "model") as fresh:
        (fresh / "name").write_text("it")
    assert (tmp_path / "model" / "name").read_text() == "it"
