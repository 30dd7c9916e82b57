"""Runs and metrics a second that an MLflow server on this machine takes, by the number of writers.

    python benchmarks/tracking.py [--writers 1 4 16] [--seconds N] [--store postgresql://USER@HOST/DATABASE]

The server is the one of docs/cluster.md, with SQLite on a disk of its own or the database that `--store` names (PostgreSQL
wants `uv run --with psycopg2-binary`). A run is what a training of 15 epochs sends: 25
parameters, 12 tags, 700 values of metrics in one batch, and its end. Artifacts, which go by HTTP to the server or past it
to an object store, are left out.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

PARAMETERS, TAGS, VALUES = 25, 12, 700


def main() -> None:
    """Print a line for each number of writers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--store", help="an empty database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port)]
        store = given.store or f"sqlite:///{folder}/mlflow.db"
        command += ["--backend-store-uri", store, "--artifacts-destination", f"{folder}/kept"]
        with Path(folder, "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            wait(f"{address}/health")
            for writers in given.writers:
                print(rate(address, writers, given.seconds), flush=True)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def rate(address: str, writers: int, seconds: float) -> str:
    """Let `writers` threads write runs for some seconds, and print the rates."""
    client = MlflowClient(address)
    experiment = client.create_experiment(f"{writers} writers")
    began, done, failed = time.monotonic(), [0] * writers, [0] * writers

    def write(number: int) -> None:
        while time.monotonic() - began < seconds:
            try:
                send(client, experiment)
            except Exception:
                failed[number] += 1
            else:
                done[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = sum(done) / (time.monotonic() - began)
    return f"{writers} writers: {runs:.1f} runs/s, {runs * VALUES:.0f} values/s; {sum(failed)} of {sum(done)} failed"


def send(client: MlflowClient, experiment: str) -> None:
    """One run."""
    now = int(time.time() * 1000)
    run = client.create_run(experiment).info.run_id
    params = [Param(f"p{i}", str(i)) for i in range(PARAMETERS)]
    client.log_batch(run, params=params, tags=[RunTag(f"t{i}", str(i)) for i in range(TAGS)])
    metrics = [Metric(f"m{i % 7}", i / 7, now, i // 7) for i in range(VALUES)]
    client.log_batch(run, metrics=metrics)
    client.set_terminated(run)


def wait(url: str) -> None:
    """Until the server answers. Raises TimeoutError."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"no answer from {url}")


if __name__ == "__main__":
    main()
