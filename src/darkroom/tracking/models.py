"""Logged models: every trained model as an MLflow 3 LoggedModel, and the runs that measure it linked to it.

A LoggedModel has the signature, an input example, the training's spec as parameters, and its run as source. The metrics of
its training and of every run that takes it as `--model` are its metrics, each with the data set it was measured on. The
weights stay with the run: a model of MLflow that can be served is made on registration.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, LoggedModelInput, LoggedModelOutput, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from darkroom.files import MANIFEST, read_json, read_manifest
from darkroom.tracking.names import flat, metric_name

ABOUT, WEIGHTS, SAMPLES = "model.json", "weights.pt", "samples.npy"
EXAMPLE = "input_example.json"
FLAVOR = "darkroom"
"""The flavor of a model that `darkroom.load` reads from its folder."""


def logged(client: MlflowClient, run: Run, header: Mapping[str, Any]) -> str | None:
    """Log the model that a training left in its folder, once, and return its id; None for other stages, and for a server of
    MLflow 2, which has no logged models."""
    folder = Path(header["job"])
    if not (folder / ABOUT).is_file() or not (folder / WEIGHTS).is_file():
        return None
    if known := model_of(run):
        return known
    about = read_json(folder / ABOUT)
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    try:
        discard(client, run)
        made = client.create_logged_model(
            run.info.experiment_id,
            name=_name(run),
            source_run_id=run.info.run_id,
            tags={**tags, "weights": read_manifest(folder)[WEIGHTS]},
            params={metric_name(key): str(value)[:500] for key, value in flat(header["spec"])},
            model_type=_type(about),
        )
    except MlflowException as error:
        if error.error_code == "ENDPOINT_NOT_FOUND":
            return None
        raise
    with tempfile.TemporaryDirectory() as scratch:
        describe(Path(scratch), about, _samples(header), run_id=run.info.run_id, model_id=made.model_id)
        client.log_model_artifacts(made.model_id, scratch)
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(made.model_id, 0)])
    return str(made.model_id)


def linked(client: MlflowClient, run: Run, trained: Run | None) -> str | None:
    """Make the model of a training an input of the run that measures it, and return its id; None if there is none."""
    model = model_of(trained) if trained else None
    known = {each.model_id for each in run.inputs.model_inputs} if run.inputs else set()
    if model and model not in known:
        client.log_inputs(run.info.run_id, models=[LoggedModelInput(model)])
    return model


def of_model(metrics: Sequence[Metric], model: str, dataset: Dataset | None) -> list[Metric]:
    """Return the last value of each metric as a metric of a model on a data set."""
    last = {metric.key: metric for metric in metrics}
    name, digest = (dataset.name, dataset.digest) if dataset else (None, None)
    return [Metric(each.key, each.value, each.timestamp, each.step, model, name, digest) for each in last.values()]


def model_of(run: Run) -> str | None:
    """Return the id of the model that a run has trained."""
    outputs = run.outputs.model_outputs if run.outputs else []
    return str(outputs[0].model_id) if outputs else None


def discard(client: MlflowClient, run: Run) -> None:
    """Delete the models of a run that a sender began to log and did not finish."""
    for unfinished in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
        client.delete_logged_model(unfinished.model_id)


def describe(
    folder: Path, about: Mapping[str, Any], samples: np.ndarray[Any, Any] | None, *, run_id: str, model_id: str
) -> None:
    """Write MLmodel, and the first sample of the data set as input example."""
    example: Any = None
    if about["kind"] == "generator":
        example = {"labels": about["classes"][:1]} if about["classes"] else None
    elif samples is not None:
        example = samples[:1].tolist()
    if example is not None:
        (folder / EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
    saved = {"artifact_path": EXAMPLE, "type": "json_object" if about["kind"] == "generator" else "ndarray"}
    Model(
        run_id=run_id,
        model_id=model_id,
        flavors={FLAVOR: {"kind": about["kind"], "plugin": about["plugin"]["name"]}},
        signature=signature(about, samples),
        saved_input_example_info=saved if example is not None else None,
    ).save(str(folder / "MLmodel"))


def signature(about: Mapping[str, Any], samples: np.ndarray[Any, Any] | None) -> ModelSignature | None:
    """Return what a loaded model takes and returns, as `darkroom.load(FOLDER)` is called; None if the samples are unknown."""
    if about["kind"] == "generator":
        of_rows = about.get("samples") == "table"
        channels, *sides = about["shape"]
        one = (len(about["shape"]),) if of_rows else (*sides, channels)
        options = [ParamSpec("count", DataType.long, 1), ParamSpec("seed", DataType.long, 0)]
        return ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(str), (-1,), "labels")]) if about["classes"] else None,
            outputs=Schema([TensorSpec(np.dtype(np.float32 if of_rows else np.uint8), (-1, *one))]),
            params=ParamSchema(options),
        )
    if samples is None:
        return None
    outputs = len(about.get("target", {}).get("names", about["classes"]))
    shape = (-1,) if about["kind"] == "detector" else (-1, outputs)
    return ModelSignature(
        inputs=Schema([TensorSpec(samples.dtype, (-1, *samples.shape[1:]))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), shape)]),
    )


def _samples(header: Mapping[str, Any]) -> np.ndarray[Any, Any] | None:
    """Open the samples of the store that a stage read, which stay on disk."""
    path = Path(header["inputs"].get("data", ""), SAMPLES)
    if not path.is_file() or not path.with_name(MANIFEST).is_file():
        return None
    found: np.ndarray[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _name(run: Run) -> str:
    """Return the run's name without the characters that MLflow takes for those of a path."""
    return re.sub(r"[/:.%\"']", "_", run.info.run_name or run.info.run_id)


def _type(about: Mapping[str, Any]) -> str:
    """Return the type by which the models of an experiment are found."""
    if about["kind"] != "network":
        return str(about["kind"])
    target = about.get("target", {}).get("kind", "class")
    return "classifier" if target == "class" else f"predictor of {target}"
