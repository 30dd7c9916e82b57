"""Tracking: nothing lost, nothing twice, nothing slowed; killed runs closed, reruns superseding, seeds summed up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.__main__ import main
from darkroom.tracking import database, names, sender, spool

JOB = "results/set/classify/none/mlp/seed-{}/evaluation"


def header(seed: int = 0) -> dict[str, Any]:
    return {
        "stage": "classify evaluate",
        "dataset": "set",
        "tags": {"policy": "none", "model": "mlp", "seed": str(seed)},
        "job": JOB.format(seed),
        "spec": {"training": {"lr": 0.1}, "text": "x" * 9000},
        "code": "0123456789abcdef",
        "inputs": {},
    }


def write(seed: int = 0, *, accuracy: float = 0.9, fail: bool = False) -> None:
    """What a stage does, without starting a sender."""
    with files.folder(Path(JOB.format(seed))) as fresh:
        files.write_json(fresh / "metrics.json", {})
    run = spool.Run(header(seed))
    for step in range(1500):
        run({"train/loss": 1 / (step + 1)}, step)
    run({"test/accuracy": accuracy, "test/per_class/<b>'/recall": 0.5})
    error = ValueError("no normal images") if fail else None
    run.__exit__(type(error) if error else None, error, None)


def runs(client: Any) -> dict[str, Any]:
    experiment = client.get_experiment_by_name("set")
    found = client.search_runs([experiment.experiment_id], max_results=100)
    return {run.data.tags.get("job", run.data.tags.get("method")): run for run in found}


def test_every_number_arrives_once_and_in_order(store: Any) -> None:
    write()
    sender.main(spool.SPOOL)
    run = runs(store)[JOB.format(0)]
    history = store.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(step, 1 / (step + 1)) for step in range(1500)]
    assert run.info.status == "FINISHED"
    assert run.data.params["training.lr"] == "0.1"
    assert [a.path for a in store.list_artifacts(run.info.run_id)] == ["manifest.json", "metrics.json"]
    assert list(spool.SPOOL.glob("*.jsonl")) == []


def test_a_machine_without_git_sends_all_but_the_commit(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    write()
    sender.main(spool.SPOOL)
    run = runs(store)[JOB.format(0)]
    assert run.info.status == "FINISHED"
    assert run.data.tags["code"]
    assert not run.data.tags.get("commit")


def test_a_sender_that_dies_half_way_is_followed_by_one_that_goes_on(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    whole = sender.Delivery._log
    calls = []

    def fails_second(self: Any, metrics: Any) -> None:
        calls.append(len(metrics))
        if len(calls) == 2:
            raise ConnectionError("the server went away")
        whole(self, metrics)

    monkeypatch.setattr(sender.Delivery, "_log", fails_second)
    [path] = spool.SPOOL.glob("*.jsonl")
    assert not sender.Delivery(path).advance()
    assert sender.Delivery(path).advance()
    run = runs(store)[JOB.format(0)]
    assert len(store.get_metric_history(run.info.run_id, "train/loss")) == 1500
    assert len([key for key in runs(store) if key == JOB.format(0)]) == 1


def test_a_failed_stage_says_why(store: Any) -> None:
    write(fail=True)
    sender.main(spool.SPOOL)
    run = runs(store)[JOB.format(0)]
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "ValueError: no normal images"


def test_a_killed_stage_is_closed_as_killed(store: Any) -> None:
    code = f"""
import time
from darkroom.tracking import spool
run = spool.Run({header()!r})
run({{"train/loss": 1.0}}, 7)
print("ready", flush=True)
time.sleep(60)
"""
    stage = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert stage.stdout is not None
    assert stage.stdout.readline() == "ready\n"
    [path] = spool.SPOOL.glob("*.jsonl")
    delivery = sender.Delivery(path)
    assert not delivery.advance()
    assert runs(store)[JOB.format(0)].info.status == "RUNNING"
    os.kill(stage.pid, signal.SIGKILL)
    stage.wait()
    assert delivery.advance()
    assert runs(store)[JOB.format(0)].info.status == "KILLED"
    assert not path.exists()


def test_a_rerun_supersedes_and_can_be_undone(store: Any) -> None:
    write(accuracy=0.8)
    sender.main(spool.SPOOL)
    first = runs(store)[JOB.format(0)]
    write(accuracy=0.9)
    sender.main(spool.SPOOL)
    second = runs(store)[JOB.format(0)]
    assert second.data.metrics["test/accuracy"] == 0.9
    earlier = store.get_run(first.info.run_id)
    assert earlier.info.lifecycle_stage == "deleted"
    assert earlier.data.tags["superseded_by"] == second.info.run_id
    assert runs(store)["classify/none/mlp"].data.metrics["test/accuracy"] == 0.9


def test_the_parent_carries_mean_and_interval_over_seeds(store: Any) -> None:
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        write(seed, accuracy=accuracy)
    sender.main(spool.SPOOL)
    parent = runs(store)["classify/none/mlp"]
    assert parent.data.metrics["seeds"] == 3
    assert parent.data.metrics["test/accuracy"] == pytest.approx(0.92)
    assert parent.data.metrics["test/accuracy/std"] == pytest.approx(0.02)
    half = 4.302653 * 0.02 / 3**0.5  # Student's t with two degrees of freedom
    assert parent.data.metrics["test/accuracy/high"] == pytest.approx(0.92 + half, abs=1e-6)
    children = [run for key, run in runs(store).items() if key.startswith("results")]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}


def test_without_a_server_the_records_stay_and_go_later(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.environ[spool.URI]
    monkeypatch.setenv(spool.URI, "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    started = time.monotonic()
    write()
    assert time.monotonic() - started < 2
    sender.main(spool.SPOOL)
    assert len(list(spool.SPOOL.glob("*.jsonl"))) == 1
    monkeypatch.setenv(spool.URI, there)
    spool.direct(spool.SPOOL)
    sender.main(spool.SPOOL)
    assert runs(store)[JOB.format(0)].info.status == "FINISHED"


def test_what_is_kept_is_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spool, "sync", lambda: [Path("one.jsonl")])
    assert main(["sync"]) == 1
    assert "no sender has said why" in capsys.readouterr().out
    spool.SPOOL.mkdir(parents=True)
    (spool.SPOOL / spool.SENDER_LOG).write_text(
        "darkroom: tracking: first\ndarkroom: tracking: OSError: no such host\n"
    )
    assert main(["sync"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"1 run could not be sent and remains in {spool.SPOOL}; ")
    assert told.endswith("OSError: no such host\n")


def test_a_file_of_a_stage_that_never_began_is_dropped(store: Any) -> None:
    spool.SPOOL.mkdir(parents=True)
    (spool.SPOOL / "broken.jsonl").write_text('{"header": {"sta')
    sender.main(spool.SPOOL)
    assert list(spool.SPOOL.glob("*.jsonl")) == []


def test_every_name_becomes_one_that_mlflow_takes_and_no_two_the_same() -> None:
    from mlflow.utils.validation import _validate_metric_name

    classes = [
        "a",
        "a<",
        "a>",
        ".",
        "..",
        "../x",
        "a//b",
        "a/b",
        "/a",
        "a/",
        "",
        "a\nb",
        "é",
        "\u202e",
        "x" * 300,
        "x" * 301,
    ]
    told = [f"test/per_class/{name}/{part}" for name in classes for part in ("f1", "recall")]
    keys = [names.metric_name(name) for name in told]
    for key in keys:
        _validate_metric_name(key)
    assert len(set(keys)) == len(told)
    assert keys[0] == told[0]


@pytest.mark.thorough
def test_a_sender_at_work_follows_to_another_place(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What one server has begun to receive arrives whole at the next."""
    write()
    first = sender.Delivery(next(spool.SPOOL.glob("*.jsonl")))
    first._open()
    monkeypatch.setenv(spool.URI, there := f"sqlite:///{tmp_path}/other.db")
    spool.direct(spool.SPOOL)
    monkeypatch.setenv(spool.URI, "http://127.0.0.1:9")  # what this sender was started with
    sender.main(spool.SPOOL)
    assert list(spool.SPOOL.glob("*.jsonl")) == []
    arrived = runs(type(store)(there))[JOB.format(0)]
    assert arrived.info.status == "FINISHED"
    assert arrived.data.metrics["test/accuracy"] == 0.9


def test_sync_needs_no_variable_where_a_run_had_one(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    spool.direct(spool.SPOOL)
    monkeypatch.delenv(spool.URI)
    assert spool.sync(patience=600) == []  # a busy machine starts a sender slowly
    assert runs(store)[JOB.format(0)].info.status == "FINISHED"


def test_sync_says_what_it_waits_for(store: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    write()
    monkeypatch.setattr(spool, "_start_sender", lambda folder: None)  # a server that never answers
    monkeypatch.setattr(spool, "QUIET", 0.1)
    assert len(spool.sync(patience=1)) == 1
    assert capsys.readouterr().out == f"waiting for MLflow at {os.environ[spool.URI]} to receive 1 run\n"


def test_a_full_disk_fails_no_stage(store: Any) -> None:
    script = f"""
from pathlib import Path
from darkroom.tracking import spool
run = spool.Run({header()!r})
run.stream.close()
run.stream = Path("/dev/full").open("a", encoding="utf-8", buffering=1)
run({{"train/loss": 0.5}}, 1)
run.__exit__(None, None, None)
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as in most shells
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run([sys.executable, "-c", script], stderr=full, env=buffered, check=False).returncode == 0


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_stage_is_killed_not_failed(store: Any, kind: type[BaseException]) -> None:
    spool.Run(header()).__exit__(kind, kind(), None)
    sender.main(spool.SPOOL)
    assert runs(store)[JOB.format(0)].info.status == "KILLED"


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a project folder; MLflow keeps a connection per URI for as long as a process lives, so these are absolute."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv(spool.URI, f"sqlite:///{folder}/results/mlflow.db")


@pytest.fixture
def project(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with MLflow's database in the usual place."""
    folder = tmp_path / "before it's moved"
    (folder / "results").mkdir(parents=True)
    shutil.copy(tables, folder / "results/mlflow.db")
    enter(folder, monkeypatch)
    monkeypatch.setattr(sender, "PAUSE", 0.05)
    return folder


@pytest.mark.parametrize("by", ["sender", "sync"])
def test_artifacts_follow_a_project_that_is_moved(
    project: Path, by: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    write(0)
    sender.main(spool.SPOOL)
    enter(moved := project.rename(project.with_name("after it")), monkeypatch)
    if by == "sync":
        assert main(["sync"]) == 0
    else:
        write(1)
        sender.main(spool.SPOOL)
    told = "".join(capfd.readouterr())
    assert told.count("the project moved") == 1
    for seed in range(2 if by == "sender" else 1):
        client = MlflowClient(os.environ[spool.URI])
        run = runs(client)[JOB.format(seed)].info
        assert run.artifact_uri == (moved / f"results/mlartifacts/set/{run.run_id}/artifacts").as_uri()
        assert [found.path for found in client.list_artifacts(run.run_id)] == ["manifest.json", "metrics.json"]
    assert not project.exists()
    assert main(["sync"]) == 0
    assert "moved" not in capfd.readouterr().out


def test_a_database_outside_results_keeps_its_locations(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another project may have written them."""
    write(0)
    sender.main(spool.SPOOL)
    shared = shutil.copy("results/mlflow.db", project.parent / "shared.db")
    enter(project.rename(project.with_name("after")), monkeypatch)
    before = Path(shared).read_bytes()
    assert database.relocate(f"sqlite:///{shared}") is None
    assert Path(shared).read_bytes() == before
