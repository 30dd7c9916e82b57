"""Tracking under fire: a server that is slow, dies, or loses answers; a locked database; runs whose stage was killed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from darkroom.tracking import sender, spool

JOB = "results/set/classify/none/mlp/seed-{}/evaluation"
STEPS = 20


class Faulty:
    """MLflow's own server over a new database, and what goes wrong with it."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application
        self.calls = 0
        self.delay = 0.0
        self.refuses: set[int] = set()
        """Numbers of the calls to ignore."""
        self.forgets: set[int] = set()
        """Calls that are done, but whose answer is lost."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.calls += 1
        time.sleep(self.delay)
        lost = self.calls in self.forgets
        if lost:
            list(self.application(environ, lambda *_: None))
        if lost or self.calls in self.refuses:
            start_response("503 Service Unavailable", [])
            return [b"{}"]
        return self.application(environ, start_response)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, and a sender that loses no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sender, "PAUSE", 0.05)
    monkeypatch.setattr(sender, "PATIENCE", 30.0)
    return tmp_path


@pytest.fixture
def database(tables: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a database of its own."""
    from mlflow import MlflowClient

    shutil.copy(tables, here / "mlflow.db")
    uri = f"sqlite:///{here}/mlflow.db"
    monkeypatch.setenv(spool.URI, uri)
    return MlflowClient(uri)


@pytest.fixture
def server(database: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """A server over that database, to which runs go."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", os.environ[spool.URI])
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(here / "artifacts"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    from mlflow.server import app, handlers
    from werkzeug.serving import WSGIRequestHandler, make_server

    monkeypatch.setattr(handlers, "_tracking_store", None)
    handlers._get_tracking_store()  # sets the variable for runs to the database
    monkeypatch.setattr(WSGIRequestHandler, "log", lambda *_: None)
    faulty = Faulty(app)
    listening = make_server("127.0.0.1", 0, faulty, threaded=True)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(spool.URI, f"http://127.0.0.1:{listening.server_port}")
    yield faulty
    listening.shutdown()
    thread.join()
    listening.server_close()


def header(seed: int = 0, start: int = 1000) -> dict[str, Any]:
    return {
        "stage": "classify evaluate",
        "dataset": "set",
        "tags": {"policy": "none", "model": "mlp", "seed": str(seed)},
        "job": JOB.format(seed),
        "spec": {"training": {"lr": 0.1}},
        "code": "0123456789abcdef",
        "inputs": {},
        "start": start,
    }


def records(run: spool.Run, steps: int = STEPS) -> None:
    """The numbers of a stage that ends well."""
    for step in range(steps):
        run({"train/loss": 1 / (step + 1)}, step)
    run({"test/accuracy": 0.9})
    run.__exit__(None, None, None)


def spooled(name: str, **header_keys: Any) -> Path:
    """A waiting spool file of a chosen name, of a stage that was killed before its end."""
    run = spool.Run(header())
    run({"train/loss": 1.0}, 0)
    run.stream.close()
    path = run.path.with_name(f"{name}.jsonl")
    head, *rest = run.path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({"header": {**json.loads(head)["header"], **header_keys}}), *rest, ""]))
    run.path.unlink()
    return path


def found(client: Any, *, deleted: bool = False, **tags: str) -> list[Any]:
    from mlflow.entities import ViewType

    experiment = client.get_experiment_by_name("set")
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    runs = client.search_runs([experiment.experiment_id], run_view_type=view)
    return [run for run in runs if tags.items() <= run.data.tags.items()]


def assert_whole(client: Any, run: Any, steps: int = STEPS) -> None:
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(step, 1 / (step + 1)) for step in range(steps)]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"training.lr": "0.1"}
    assert run.data.metrics["test/accuracy"] == 0.9


def deliver(path: Path) -> int:
    """Senders one after another, each gone after one try, until one has done it; how many it took."""
    for tries in range(1, 10):
        if sender.Delivery(path).advance():
            return tries
    raise AssertionError("not delivered")


@pytest.mark.parametrize("fault", ["refuses", pytest.param("forgets", marks=pytest.mark.thorough)])
def test_whichever_call_fails_everything_arrives_once(server: Faulty, database: Any, fault: str) -> None:
    records(spool.Run(header()))
    [path] = spool.SPOOL.glob("*.jsonl")
    assert deliver(path) == 1
    for call in range(1, server.calls):
        server.calls = 0
        setattr(server, fault, {call})
        records(run := spool.Run(header(start=1000 + call)))
        assert deliver(run.path) <= 2, call
        [current] = found(database, job=JOB.format(0))
        assert current.data.tags["spool"] == run.path.stem
        assert_whole(database, current)
        assert not list(spool.SPOOL.iterdir())
    assert server.calls > 8
    earlier = found(database, job=JOB.format(0), deleted=True)
    assert all("superseded_by" in run.data.tags and run.info.status == "FINISHED" for run in earlier)
    [parent] = found(database, method="classify/none/mlp")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["seeds"] == 1


def test_a_server_that_goes_down_in_the_middle_gets_the_rest_when_it_is_back(server: Faulty, database: Any) -> None:
    run = spool.Run(header())
    delivery = sender.Delivery(run.path)
    run({"train/loss": 1.0}, 0)
    assert not delivery.advance()
    server.refuses = set(range(1000))
    for step in range(1, STEPS):
        run({"train/loss": 1 / (step + 1)}, step)
        assert not delivery.advance()
        assert delivery.failing_since is None  # never given up while the stage lives
    run({"test/accuracy": 0.9})
    run.__exit__(None, None, None)
    server.refuses = set()
    assert delivery.advance()
    assert_whole(database, *found(database, job=JOB.format(0)))


def test_a_slow_server_costs_a_stage_nothing(server: Faulty, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage only writes to a file: it connects to nothing, so it cannot wait for what it would connect to."""
    server.delay = 0.1
    with monkeypatch.context() as offline:
        offline.setattr(socket.socket, "connect", lambda *_: pytest.fail("a stage called somebody"))
        offline.setattr(spool, "_start_sender", lambda spool: None)
        records(spool.Run(header()).__enter__())
    sender.main(spool.SPOOL)
    assert_whole(database, *found(database, job=JOB.format(0)))


def test_eight_writers_meet_a_locked_database(database: Any, here: Path) -> None:
    paths = []
    for seed in range(8):
        records(run := spool.Run(header(seed), spool=here / f"spool-{seed}"))
        paths.append(run.path)
    lock = sqlite3.connect(here / "mlflow.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(sender.main, path.parent) for path in paths]
        time.sleep(1)
        lock.execute("COMMIT")
        for one in sending:
            one.result()
    for seed in range(8):
        assert_whole(database, *found(database, job=JOB.format(seed)))


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_killed_run_and_its_rerun_that_wait_together_end_in_their_order(
    database: Any, names: tuple[str, str]
) -> None:
    spooled(names[0], start=1000)
    spooled(names[1], start=2000)
    sender.main(spool.SPOOL)
    [current] = found(database, job=JOB.format(0))
    assert current.data.tags["spool"] == names[1]
    [earlier] = found(database, job=JOB.format(0), deleted=True)
    assert earlier.info.status == current.info.status == "KILLED"
    assert earlier.data.tags["superseded_by"] == current.info.run_id
    assert database.get_metric_history(earlier.info.run_id, "train/loss")


def test_a_run_whose_records_are_gone_is_closed_by_its_rerun(database: Any) -> None:
    path = spooled("lost", start=1000)
    sender.Delivery(path)._open()
    assert [run.info.status for run in found(database, job=JOB.format(0))] == ["RUNNING"]
    path.unlink()
    records(spool.Run(header(start=2000)))
    sender.main(spool.SPOOL)
    assert_whole(database, *found(database, job=JOB.format(0)))
    assert [run.info.status for run in found(database, deleted=True)] == ["KILLED"]


def test_a_run_that_was_created_twice_is_one_in_the_end(database: Any) -> None:
    records(run := spool.Run(header()))
    delivery = sender.Delivery(run.path)
    delivery._open()
    delivery._create(delivery._experiment())  # a call that was given up, and done after all
    assert delivery.advance()
    assert_whole(database, *found(database, job=JOB.format(0)))
    assert [run.info.status for run in found(database, deleted=True)] == ["KILLED"]


def test_a_line_that_a_full_disk_cut_is_left_out(database: Any) -> None:
    path = spooled("cut")
    with path.open("a") as stream:
        stream.write('{"metrics": {"train/lo\n"x"\n{"metrics": {"train/loss": 0.5}, "step": 1, "time": 5}\n')
    sender.main(spool.SPOOL)
    [run] = found(database, job=JOB.format(0))
    assert run.data.metrics["train/loss"] == 0.5
    assert run.info.status == "KILLED"


def test_a_full_disk_under_the_database_loses_nothing(
    tables: Path, here: Path, small_disk: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    room = -(-tables.stat().st_size // 2**12) * 2**12 + 2**17
    disk = small_disk(here / "disk", room)
    shutil.copy(tables, disk / "mlflow.db")
    uri = f"sqlite:///{disk}/mlflow.db"
    monkeypatch.setenv(spool.URI, uri)
    monkeypatch.setattr(sender, "PATIENCE", 0.2)
    records(run := spool.Run(header()), 3000)
    sender.main(spool.SPOOL)
    assert run.path.exists(), "the database has no room for all of it"
    (filler := disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
    records(late := spool.Run(header(1)))
    sender.main(spool.SPOOL)
    assert late.path.exists()
    filler.unlink()
    subprocess.run(["mount", "-o", f"remount,size={room + 2**23}", str(disk)], check=True)
    sender.main(spool.SPOOL)
    assert not list(spool.SPOOL.glob("*.jsonl"))
    client = MlflowClient(uri)
    assert_whole(client, *found(client, job=JOB.format(0)), 3000)
    assert_whole(client, *found(client, job=JOB.format(1)))


@pytest.mark.thorough
def test_a_database_that_found_no_room_for_its_tables_is_made_when_there_is_some(
    here: Path, small_disk: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    disk = small_disk(here / "disk", 300_000)
    uri = f"sqlite:///{disk}/mlflow.db"
    monkeypatch.setenv(spool.URI, uri)
    monkeypatch.setattr(sender, "PATIENCE", 0.0)
    records(spool.Run(header()))
    sender.main(spool.SPOOL)
    assert list(spool.SPOOL.glob("*.jsonl"))
    assert list(disk.iterdir()) == []
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    sender.main(spool.SPOOL)
    client = MlflowClient(uri)
    assert_whole(client, *found(client, job=JOB.format(0)))


def test_a_full_disk_under_the_records_stops_no_stage(
    here: Path, small_disk: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(here / "results", 2**13)
    with spool.begin(header()) as log:
        for step in range(2000):
            log({"train/loss": 1.0}, step)
    assert "tracking: [Errno 28] No space left on device" in capfd.readouterr().err
    assert disk.exists()


def test_a_spool_folder_that_cannot_be_made_fails_no_stage(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("results").write_text("a file")
    with spool.begin(header()) as log:
        log({"train/loss": 1.0}, 1)
    assert "darkroom: tracking: " in capfd.readouterr().err


def test_a_stage_imports_no_mlflow_for_its_tracking(here: Path) -> None:
    code = "import sys, darkroom.tracking.spool; assert not {'mlflow', 'requests', 'sqlalchemy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
