"""What jobs ask of a cluster: for every stage, more with more data and at every attempt, and unknown before there is data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darkroom import files
from darkroom.config import load as config
from darkroom.fit.config import Training
from darkroom.job.stage import LIGHT
from darkroom.planning import needs
from darkroom.planning.plan import Plan
from darkroom.planning.sections import stages
from darkroom.tracking import spool


@pytest.mark.parametrize("stage", stages())
def test_more_data_and_another_attempt_ask_for_more(stage: str) -> None:
    small, large = needs.Images(1_000, 784), needs.Images(100_000, 3 * 64 * 64)
    training = Training() if stage.endswith(("train", "judge")) else None
    first, second = (needs.need(stages()[stage].cost, small, training, attempt) for attempt in (1, 2))
    assert second.mem_mb >= 1.9 * first.mem_mb
    assert second.runtime == 2 * first.runtime
    more = needs.need(stages()[stage].cost, large, training, 1)
    without_images = stage.startswith(("reproduce", "study")) or stage in {"report build", "weights fetch"}
    assert more.mem_mb > first.mem_mb or without_images
    assert more.runtime > first.runtime
    assert first.mem_mb >= 500  # Slurm's own programs and Snakemake take some


def test_longer_training_asks_for_more_time_and_larger_batches_for_more_memory() -> None:
    images = needs.Images(5_000, 3 * 64 * 64)
    asked = needs.need(stages()["classify train"].cost, images, Training(epochs=10, batch_size=64), 1)
    assert (
        needs.need(stages()["classify train"].cost, images, Training(epochs=20, batch_size=64), 1).runtime
        > asked.runtime
    )
    assert (
        needs.need(stages()["classify train"].cost, images, Training(epochs=10, batch_size=256), 1).mem_mb
        > asked.mem_mb
    )


def test_several_processes_are_asked_for_where_they_are_wanted() -> None:
    images = needs.Images(100_000, 3 * 64 * 64)
    alone, two, four = (
        needs.need(stages()["classify train"].cost, images, training, 1)
        for training in (Training(), Training(nodes=2), Training(nodes=2, devices=2))
    )
    assert needs.processes(Training()) == needs.processes(None) == {}
    assert needs.processes(Training(nodes=2)) == {"mpi": "srun", "nodes": 2, "tasks": 2, "cpus_per_task": 1}
    asked = needs.processes(Training(nodes=2, devices=3, threads=4))
    assert asked == {"mpi": "srun", "nodes": 2, "tasks_per_node": 3, "cpus_per_task": 4}
    assert four.runtime < two.runtime < alone.runtime
    assert four.mem_mb > two.mem_mb  # of one node


@pytest.mark.parametrize(
    "section",
    [
        {"classify": {"models": {"mlp": {"training": {"devices": 2}}}}},
        {"generate": {"training": {"devices": 2}}},
        {"detect": {"normal": "1", "detectors": {"autoencoder": {"training": {"devices": 2}}}}},
    ],
)
def test_a_plan_knows_whether_any_model_is_trained_by_several_processes(section: dict[str, object]) -> None:
    plain = {"name": "new", "data": {"source": "sklearn"}, "classify": {}, "generate": {}, "detect": {"normal": "1"}}
    assert not Plan(config.load(plain, path="new.yaml")).together
    plan = Plan(config.load({**plain, **section}, path="new.yaml"))
    assert plan.together
    asked = [job for job in plan.jobs if plan.processes(job[0], **job[1])]
    assert asked
    assert {plan.threads(stage, **wild) for stage, wild in asked} == {2}


def test_the_size_is_read_from_the_store_and_unknown_before_it_is_made(tmp_path: Path) -> None:
    plan = Plan(config.load({"name": "new", "data": {"source": "sklearn"}, "detect": {"normal": "1"}}, path="new.yaml"))
    manifest = tmp_path / "prepared" / "manifest.json"
    job = {"task": "normal-1", "detector": "pca", "seed": 0}
    with pytest.raises(FileNotFoundError) as raised:
        plan.need("detect fit", [str(manifest)], 1, **job)
    assert raised.value.filename == str(manifest)  # so Snakemake knows that the answer comes later
    assert plan.need("data fetch", [], 1).mem_mb >= LIGHT
    with files.folder(manifest.parent) as fresh:
        np.save(fresh / "samples.npy", np.zeros((1000, 64, 64, 3), np.uint8))
    small = plan.need("detect fit", [str(manifest)], 1, **job)
    assert needs.images_beside(manifest) == needs.Images(1000, 64 * 64 * 3)
    with files.folder(manifest.parent) as fresh:
        np.save(fresh / "samples.npy", np.zeros((9000, 64, 64, 3), np.uint8))
    assert plan.need("detect fit", [str(manifest)], 1, **job).mem_mb > small.mem_mb


def test_sqlite_is_refused_with_the_line_that_starts_a_server() -> None:
    with pytest.raises(ValueError, match=r"results/mlflow.db.*mlflow server --host .*MLFLOW_TRACKING_URI=http"):
        spool.refuse_sqlite("sqlite:///results/mlflow.db")
    spool.refuse_sqlite("http://127.0.0.1:5000")
    spool.refuse_sqlite("")
