"""The workflow on a real Slurm of two virtual nodes: `uv run --extra slurm pytest tests/workflow/test_slurm.py`.

Installs Slurm where it is missing. A job over its memory, one cancelled, one requeued, one over its time, one on two nodes: the
results are those of a local run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.workflow.contents import contents, differences

from darkroom import files

PROFILE = Path(__file__).parents[2] / "profiles" / "slurm"
SMOKE = ("--configfile", "config/smoke.yaml")
SLURM = ("--workflow-profile", "profiles/slurm", "--jobs", "4", "--cores", str(os.cpu_count()))
SLURM += ("--slurm-init-seconds-before-status-checks", "1")
SUBMITTED = re.compile(r"Job \S+ has been submitted with SLURM jobid (\d+)")
SMALL: dict[str, Any] = {
    "name": "small",
    "data": {"source": "sklearn"},
    "classify": {"training": {"epochs": 300}, "policies": ["none"], "models": {"mlp": None}, "resamples": 10},
}
MODEL = "results/small/classify/none/mlp/seed-0/model"


def why_not() -> str | None:
    """What keeps Slurm from being tried here."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "Snakemake's Slurm executor is missing: uv run --extra slurm pytest tests/workflow/test_slurm.py"
    if os.geteuid() != 0:
        return "a Slurm of one's own needs root"
    if not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))) and not shutil.which("apt-get"):
        return "Slurm is missing, and it is installed here by apt-get alone"
    return None


pytestmark = [pytest.mark.long, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm that is taken down again."""
    folder = str(tmp_path_factory.mktemp("slurm"))
    done = subprocess.run([PROFILE / "up", folder], stderr=subprocess.PIPE, text=True, timeout=600)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    yield
    subprocess.run([PROFILE / "down", folder], check=True, timeout=60)
    assert not Path("/etc/slurm/slurm.conf").exists()


@pytest.fixture(scope="module")
def remote(cluster, project, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A second copy of the project, for the runs on the cluster."""
    root = tmp_path_factory.mktemp("remote")
    results = shutil.ignore_patterns("smoke", "small", ".snakemake", ".tracking", "*.db", "mlartifacts")
    shutil.copytree(project.root, root, ignore=results, dirs_exist_ok=True)
    return type(project)(root)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """An MLflow server; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", f"{tmp_path}/kept"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: answers(address), 300)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def test_the_smoke_run_gives_the_same_files(project, remote, server: str) -> None:
    project.call(*SMOKE)
    done = remote.call(*SLURM, *SMOKE, "--set-resources", "generate_judge:gpu=1", tracking=server)
    parts = ("data/smoke", "results/smoke")
    here, there = contents(project.root, *parts), contents(remote.root, *parts)
    page = {f"results/smoke/report/{name}" for name in ("index.html", files.MANIFEST)}
    assert {*differences(here, there)} <= page
    assert len(SUBMITTED.findall(done.stderr)) == 23  # a model goes with its evaluation: 4 classifiers, 2 detectors
    judge = re.search(r"generate_judge/[^ ]*?(\d+)\.log", done.stderr)
    assert judge
    assert "gpu:1" in shown(judge.group(1))
    assert "NodeList=n2" in shown(judge.group(1))
    assert remote.planned(*SMOKE) == set()  # nor is anything stale for a run on one machine
    assert len(runs(server, "smoke")) >= 29
    for measured in (project.root / "results/smoke").rglob(files.TIMING):
        shutil.copyfile(measured, remote.root / measured.relative_to(project.root))
    remote.call(*SMOKE, "--forcerun", "report_build", tracking="")
    assert contents(remote.root, *parts) == here  # the page shows measured times; with the same ones it is the same


def test_sqlite_is_refused(remote) -> None:
    done = remote.call(*SLURM, "--configfile", str(remote.config("small", SMALL)), check=False)
    assert done.returncode
    assert "mlflow server --host" in done.stderr
    assert not SUBMITTED.findall(done.stderr)


def test_one_failing_model_stops_no_other(remote) -> None:
    fails = {"network": "mlp", "training": {"optimizer": {"name": "sgd", "lr": 1e30}}}
    models = {"fails": fails, "works": {"network": "mlp"}}
    content = {**SMALL, "name": "fails", "classify": {**SMALL["classify"], "models": models}}
    content["classify"]["training"] = {"epochs": 2}
    done = remote.call(
        *SLURM, "--configfile", str(remote.config("fails", content)), "--retries", "0", tracking="", check=False
    )
    assert done.returncode == 1, done.stderr
    assert (remote.root / "results/fails/classify/none/works/seed-0/evaluation/manifest.json").exists()
    page = (remote.root / "results/fails/report/index.html").read_text()
    assert "the training loss is not finite" in page


def test_a_job_over_its_memory_is_tried_again_with_more(remote) -> None:
    config = str(remote.config("small", SMALL))
    remote.call("data/small/prepared/manifest.json", *SLURM, "--configfile", config, tracking="")
    with changed(remote.root / "src/darkroom/job/stage.py", "TORCH = ", "TORCH = 300 #"):
        train = (f"{MODEL}/manifest.json", *SLURM, "--configfile", config)
        done = remote.call(*train, "--retries", "1", tracking="", check=False)
        assert len(SUBMITTED.findall(done.stderr)) == 2  # 300 and 600 MB are too little
        assert done.returncode
        done = remote.call(*train, "--retries", "3", tracking="")
        assert 3 <= len(SUBMITTED.findall(done.stderr)) <= 4


def test_a_cancelled_and_a_requeued_job_go_on_from_their_checkpoints(project, remote) -> None:
    config = str(project.config("small", SMALL))
    remote.config("small", SMALL)
    forget(remote.root)
    often = ("CHECKPOINT_SECONDS = ", "CHECKPOINT_SECONDS = 0.5 #")
    with contextlib.ExitStack() as stack:
        for where in (project, remote):  # in both, as results know the code that they were made by
            stack.enter_context(changed(where.root / "src/darkroom/fit/trainer.py", *often))
        project.call(f"{MODEL}/manifest.json", "--configfile", config)
        running = remote.start(f"{MODEL}/manifest.json", *SLURM, "--configfile", config, tracking="http://127.0.0.1:9")
        seen = 0.0
        for command in (["scancel"], ["scontrol", "requeue"]):
            seen = wait(lambda seen=seen: newer(remote.root, seen), 300)
            subprocess.run([*command, job_of("R")], check=True)
            wait(lambda: not job_of("R"), 60)
        _, told = running.communicate(timeout=600)
    assert running.returncode == 0, told
    here, there = contents(project.root, MODEL), contents(remote.root, MODEL)
    assert differences(here, there) == []
    first = sorted(first_steps(remote.root))
    assert len(first) == 3
    assert first[0] < first[1] < first[2]  # each begins where the one before had saved itself


def test_a_job_over_its_time_goes_on_from_its_checkpoint_with_more(remote) -> None:
    config = str(remote.config("small", SMALL))
    remote.call("data/small/prepared/manifest.json", *SLURM, "--configfile", config, tracking="")
    forget(remote.root)
    head = "def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:\n"
    source = remote.root / "src/darkroom"
    with (
        changed(source / "planning/needs.py", "LEAST_MINUTES = ", "LEAST_MINUTES = 0.5 #"),
        changed(source / "planning/needs.py", "TRAINING_SPEED = ", "TRAINING_SPEED = 1e9 #"),
        changed(source / "fit/trainer.py", head, f"{head}        time.sleep(0.4)\n"),  # 300 epochs take two minutes
    ):
        train = (f"{MODEL}/manifest.json", *SLURM, "--configfile", config, "--retries", "3")
        done = remote.call(*train, tracking="http://127.0.0.1:9")
    jobs = SUBMITTED.findall(done.stderr)
    assert len(jobs) > 1
    limits = [re.findall(r"TimeLimit=00:0(\d):00", shown(job)) for job in jobs]
    assert limits == [["1"], ["2"], ["4"], ["8"]][: len(jobs)]
    first = sorted(first_steps(remote.root))
    assert len(first) == len(set(first)) == len(jobs)


def test_training_on_two_nodes_is_training_by_one_process(project, remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # the nodes' names are known to Slurm alone
    tables = []
    for where, nodes, how in ((project, 1, ()), (remote, 2, SLURM)):
        slow = {"name": "sgd", "lr": 0.01}  # large steps make more of the last digits, in which sums differ
        training = {"epochs": 3, "batch_size": 101, "precision": "fp32", "optimizer": slow, "nodes": nodes}
        model = {"network": {"name": "resnet", "width": 8, "stages": 2}, "training": training}
        content = {**SMALL, "name": "nodes", "classify": {**SMALL["classify"], "models": {"together": model}}}
        evaluation = "results/nodes/classify/none/together/seed-0/evaluation"
        config = ("--configfile", str(where.config("nodes", content)))
        done = where.call(f"{evaluation}/manifest.json", *how, *config, tracking="")
        tables.append(pd.read_csv(where.root / evaluation / "../model/history.csv"))
    losses = [column for column in tables[0] if column.endswith("loss")]
    assert losses
    np.testing.assert_allclose(tables[0][losses], tables[1][losses], atol=1e-3)
    one = 1 / 179  # of the validation images may fall on the other side, where two classes are as likely
    np.testing.assert_allclose(tables[0], tables[1], atol=one + 1e-6)
    assert any("NumNodes=2" in shown(job) for job in SUBMITTED.findall(done.stderr))


def shown(job: str) -> str:
    """What Slurm knows of a job."""
    return subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout


def forget(root: Path) -> None:
    """No model of the small config, and no runs."""
    for folder in (MODEL, "results/.tracking"):
        shutil.rmtree(root / folder, ignore_errors=True)


def runs(server: str, experiment: str) -> list[Any]:
    """The runs of an experiment, as the server tells them."""
    found = ask(f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment}")
    body = {"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 1000}
    listed: list[Any] = ask(f"{server}/api/2.0/mlflow/runs/search", body)["runs"]
    return [run for run in listed if any(tag["key"] == "job" for tag in run["data"]["tags"])]


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def answers(server: str) -> bool:
    """Whether a server is there."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{server}/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def newer(root: Path, than: float) -> float:
    """When the newest checkpoint was written, if that is later; else 0."""
    times = [path.stat().st_mtime for path in (root / "results/small/checkpoints").rglob("last.ckpt")]
    return max((time for time in times if time > than), default=0.0)


def job_of(state: str) -> str:
    """The job that is in this state."""
    shown = subprocess.run(["squeue", "-h", "-t", state, "-o", "%i"], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def first_steps(root: Path) -> list[float]:
    """The step of the first number that each attempt at training wrote down."""
    attempts = [path.read_text().splitlines() for path in (root / "results/.tracking").glob("*.jsonl")]
    records = [[json.loads(line) for line in lines] for lines in attempts]
    training = [lines for lines in records if lines[0].get("header", {}).get("stage") == "classify train"]
    return [min(line["step"] for line in lines if line.get("step") is not None) for lines in training]


@contextlib.contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """A source file with the first such text replaced, and put back."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    yield
    path.write_text(text)


def wait(what: Any, seconds: float) -> Any:
    """The first answer that is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"nothing in {seconds} s")
