"""Trained models as LoggedModels: described, measured by the runs that link them, and replaced with their run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

from darkroom import files
from darkroom.tracking import models, sender, spool

DATA, SEED = "data/set/prepared", "results/set/classify/none/mlp/seed-0"
ABOUT = {"kind": "network", "plugin": {"name": "mlp"}, "shape": [1, 4, 4], "classes": ["a", "b", "c"]}


@pytest.fixture
def client(store: Any) -> Any:
    with files.folder(Path(DATA)) as fresh:
        np.save(fresh / "samples.npy", np.arange(80, dtype=np.uint8).reshape(5, 4, 4, 1))
    return store


def train(about: dict[str, Any] = ABOUT, *, weights: bytes = b"weights", stage: str = "classify train") -> None:
    with files.folder(Path(SEED, "model")) as fresh:
        files.write_json(fresh / "model.json", about)
        (fresh / "weights.pt").write_bytes(weights)
    write(stage, "model", {"data": DATA}, [{"train/loss": 1.0}, {"train/loss": 0.5}])


def evaluate(accuracy: float = 0.9) -> None:
    with files.folder(Path(SEED, "evaluation")) as fresh:
        files.write_json(fresh / "metrics.json", {})
    inputs = {"data": DATA, "model": f"{SEED}/model"}
    write("classify evaluate", "evaluation", inputs, [{"test/accuracy": accuracy}])


def write(stage: str, part: str, inputs: dict[str, str], steps: list[dict[str, float]]) -> None:
    header = {
        "stage": stage,
        "dataset": "set",
        "tags": {"policy": "none", "model": "mlp", "seed": "0"},
        "job": f"{SEED}/{part}",
        "spec": {"training": {"lr": 0.1}},
        "code": "0123456789abcdef",
        "inputs": inputs,
    }
    with spool.Run(header) as run:
        for step, values in enumerate(steps):
            run(values, step)


@pytest.fixture(autouse=True)
def no_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_start_sender", lambda folder: None)


def logged(client: Any) -> list[Any]:
    experiment = client.get_experiment_by_name("set")
    return list(client.search_logged_models([experiment.experiment_id]))


def test_a_model_has_its_signature_an_example_its_spec_and_the_metrics_of_both_runs(client: Any) -> None:
    train()
    evaluate()
    sender.main(spool.SPOOL)
    [model] = logged(client)
    assert (model.model_type, str(model.status)) == ("classifier", "READY")
    assert model.params["training.lr"] == "0.1"
    assert model.tags["weights"] == files.sha256(Path(SEED, "model/weights.pt"))
    source = client.get_run(model.source_run_id)
    assert source.data.tags["job"] == f"{SEED}/model"
    found = {metric.key: metric for metric in model.metrics}
    assert {key: metric.value for key, metric in found.items()} == {"train/loss": 0.5, "test/accuracy": 0.9}
    digest = files.sha256(Path(DATA, "manifest.json"))[:16]
    assert {(metric.dataset_name, metric.dataset_digest) for metric in model.metrics} == {("set/prepared", digest)}
    measuring = client.get_run(found["test/accuracy"].run_id)
    assert [each.model_id for each in measuring.inputs.model_inputs] == [model.model_id]
    folder = model.artifact_location.removeprefix("file://")
    described = Model.load(folder)
    assert described.signature.inputs.inputs[0].shape == (-1, 4, 4, 1)
    assert described.signature.outputs.inputs[0].shape == (-1, 3)
    np.testing.assert_array_equal(described.load_input_example(folder), np.arange(16).reshape(1, 4, 4, 1))


def test_the_signature_says_how_a_loaded_model_is_called() -> None:
    images = np.zeros((2, 4, 4, 1), np.uint8)
    labels = ABOUT | {"target": {"kind": "labels", "names": ["x", "y"]}}
    assert models.signature(labels, images).outputs.inputs[0].shape == (-1, 2)  # type: ignore[union-attr]
    detector = models.signature(ABOUT | {"kind": "detector"}, images)
    assert detector is not None
    assert detector.outputs.inputs[0].shape == (-1,)
    generator = models.signature(ABOUT | {"kind": "generator"}, None)
    assert generator is not None
    assert generator.outputs.inputs[0].shape == (-1, 4, 4, 1)
    assert [param.name for param in generator.params] == ["count", "seed"]
    assert models.signature(ABOUT | {"kind": "generator", "classes": []}, None).inputs is None  # type: ignore[union-attr]
    assert models.signature(ABOUT, None) is None


def test_a_retrained_model_replaces_the_earlier_one(client: Any) -> None:
    train()
    evaluate(0.8)
    sender.main(spool.SPOOL)
    [first] = logged(client)
    train(weights=b"others")
    evaluate(0.9)
    sender.main(spool.SPOOL)
    [second] = logged(client)
    assert second.model_id != first.model_id
    assert {metric.key: metric.value for metric in second.metrics}["test/accuracy"] == 0.9


@pytest.mark.parametrize("step", ["log_model_artifacts", "finalize_logged_model", "log_outputs"])
def test_a_sender_that_dies_while_it_logs_a_model_leaves_one(
    client: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train()
    [path] = spool.SPOOL.glob("*.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(sender.MlflowClient, step, lambda *_, **__: 1 / 0)
        assert not sender.Delivery(path).advance()
    assert sender.Delivery(path).advance()
    [model] = logged(client)
    assert str(model.status) == "READY"


def test_a_server_without_logged_models_gets_the_run(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise MlflowException("no such endpoint", error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(sender.MlflowClient, "search_logged_models", unknown)
    train()
    [path] = spool.SPOOL.glob("*.jsonl")
    assert sender.Delivery(path).advance()
    experiment = client.get_experiment_by_name("set")
    [run] = client.search_runs([experiment.experiment_id], "tags.stage = 'classify train'")
    assert run.info.status == "FINISHED"
