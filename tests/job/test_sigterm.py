"""SIGTERM ends a stage cleanly, and Snakemake without waiting for itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path


def test_sigterm_ends_a_stage_with_an_exit_code_and_nothing_half_written(tmp_path: Path) -> None:
    script = """
import signal, sys, time
from pathlib import Path
from darkroom import __main__, files
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
from darkroom.data import fetch
from darkroom.data.config import FetchSpec
def run(spec: FetchSpec, *, out: Path, log: object) -> None:
    with files.folder(out):
        print("begun", flush=True)
        time.sleep(60)
fetch.run = run
sys.exit(__main__.main(["data", "fetch", "--spec", '{"source": {"name": "sklearn"}}', "--out", "data/digits/raw"]))
"""
    for number, told in ((signal.SIGTERM, ""), (signal.SIGINT, "darkroom data fetch: stopped\n")):
        stage = subprocess.Popen(
            [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert stage.stdout is not None
        assert stage.stdout.readline() == "begun\n"
        stage.send_signal(number)
        assert stage.communicate(timeout=20)[1] == told
        assert stage.returncode == 128 + number
        assert list((tmp_path / "data" / "digits").iterdir()) == []


def test_an_answer_that_takes_a_lock_does_not_wait_for_the_thread_that_holds_it() -> None:
    script = """
import os, signal, threading
from darkroom.job import sigterm
lock, answered = threading.Lock(), threading.Event()
def answer(number, frame):
    with lock:
        answered.set()
signal.signal(signal.SIGTERM, answer)
sigterm.finish_jobs()
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    assert not answered.wait(0.2)
assert answered.wait(10)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
