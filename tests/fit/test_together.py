"""Training in several processes: what one process would have got, written and tracked once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import distributed, multiprocessing

from darkroom import files
from darkroom.classify import train as classify
from darkroom.classify.config import TrainSpec
from darkroom.data.store import open_store
from darkroom.fit import launch, together
from darkroom.fit.config import Training
from darkroom.fit.model import HISTORY, STEPS, WEIGHTS
from darkroom.log import silent


def spec(**training: object) -> TrainSpec:
    """A network with batch normalisation. Large steps would make more of the last digits, in which sums differ."""
    slow = {"name": "sgd", "lr": 0.01}
    training = {"epochs": 2, "batch_size": 101, "precision": "fp32", "optimizer": slow, **training}
    network = {"name": "resnet", "width": 8, "stages": 2}
    return TrainSpec.model_validate({"network": network, "training": training, "seed": 0})


def train(folder: Path, data: Path, given: TrainSpec) -> Path:
    """Run the command in a folder; gives the model."""
    command = [sys.executable, "-m", "darkroom", "classify", "train", "--spec", given.model_dump_json()]
    command += ["--data", str(data), "--checkpoints", "checkpoints", "--out", "results/digits/model"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "results/digits/model"


@pytest.mark.thorough
@pytest.mark.training
def test_two_processes_train_what_one_does(digits: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "1", train(tmp_path / "2", digits, spec(devices=2, swa=0.5))
    classify.run(spec(swa=0.5), data=digits, out=one, log=silent)
    assert len(open_store(digits).rows("train")) % 101 % 2  # the last batch is smaller, and its parts are not equal
    for table in (HISTORY, STEPS):
        alone, together = (pd.read_csv(model / table) for model in (one, two))
        assert alone.columns.tolist() == together.columns.tolist()
        np.testing.assert_allclose(alone, together, atol=1e-3)
    weights = [torch.load(model / WEIGHTS, weights_only=True) for model in (one, two)]
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], atol=1e-3, rtol=1e-3)
    assert files.read_json(two / files.RECORD)["spec"]["training"]["devices"] == 2
    runs = [path.read_text() for path in (tmp_path / "2/results/.tracking").glob("*.jsonl")]
    assert len(runs) == 1
    steps = [json.loads(line).get("step") for line in runs[0].splitlines()]
    assert steps.count(1) == 1


def _gather(rank: int, folder: str) -> None:
    where = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=2)
    rows = torch.arange(6.0).reshape(3, 2)[: 1 + rank] + 10 * rank  # parts of different sizes
    torch.save(together.gathered(rows), f"{folder}/{rank}.pt")


@pytest.mark.thorough
def test_every_process_gets_the_rows_of_all(tmp_path: Path) -> None:
    multiprocessing.start_processes(_gather, (str(tmp_path),), nprocs=2, start_method="fork")
    expected = [[0.0, 1.0], [10.0, 11.0], [12.0, 13.0]]
    assert [torch.load(tmp_path / f"{rank}.pt", weights_only=True).tolist() for rank in (0, 1)] == [expected] * 2
    assert together.gathered(torch.tensor(expected)).tolist() == expected


def test_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    alone, several = Training(), Training(nodes=2, devices=2, threads=3)
    launch.start(alone, [])
    assert launch.rank(several) == 0
    with pytest.raises(ValueError, match=r"training\.nodes is 2.*profiles/slurm"):
        launch.start(several, [])
    called: list[list[str]] = []

    def become(file: str, command: list[str]) -> None:
        called.append(command)
        raise SystemExit

    monkeypatch.setattr(os, "execvp", become)
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with pytest.raises(SystemExit):
        launch.start(several, ["classify", "train"])
    assert called[0][:5] == ["srun", "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=3", "--kill-on-bad-exit"]
    assert called[0][-3:] == ["darkroom", "classify", "train"]
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    launch.start(several, [])
    assert len(called) == 1
    assert launch.rank(several) == 3
    assert launch.rank(alone) == 0
