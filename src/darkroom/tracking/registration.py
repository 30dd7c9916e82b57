"""Register a packaged model, see `darkroom.serve.package`, as a new version in MLflow's registry.

The version is a LoggedModel of its own, since a trained model may be evaluated anew while its versions must not change. Its run,
that of the package's job, has the trained model as input. The first version of a name becomes `champion`, as there is none to
beat; every other one becomes `challenger`, until `darkroom promote` makes it the champion.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from darkroom.files import MANIFEST, read_json, sha256
from darkroom.tracking import models
from darkroom.tracking.names import quoted

VERSION = "version"
"""The tag of a run whose package is registered; such runs are kept when a later one replaces the package."""
CHAMPION, CHALLENGER = "champion", "challenger"
ABOUT = "version.json"


def register(client: MlflowClient, run: Run, header: Mapping[str, Any], latest: Callable[[str], Run | None]) -> None:
    """Register the package that a job left in its folder, once; `latest` finds the run of a job by its folder.

    Without effect for other jobs, and if the newest version is the same package. The version is created last, when all its
    files have arrived.
    """
    folder = Path(header["job"])
    if not (folder / ABOUT).is_file() or VERSION in run.data.tags:
        return
    about, digest = read_json(folder / ABOUT), sha256(folder / MANIFEST)
    name = about["name"]
    known = versions(client, name)
    if known and known[-1].tags.get("package") == digest:
        version = known[-1]
    else:
        results = header["inputs"]["results"]
        trained, evaluated = (latest(f"{results}/{about[part]}") for part in ("model", "evaluation"))
        made = _logged(client, run, folder, about, trained)
        tags = {
            "package": digest,
            "weights": about["weights"],
            "method": about["method"],
            "dataset": header["dataset"],
            **({"evaluated_by": evaluated.info.run_id} if evaluated else {}),
        }
        version = client.create_model_version(name, f"models:/{made}", run_id=run.info.run_id, tags=tags, model_id=made)
    if run.info.run_id == version.run_id:
        known_as = json.dumps([{"name": name, "version": str(version.version)}])  # MLflow's pages of a model list them
        client.set_logged_model_tags(str(version.source).removeprefix("models:/"), {MLFLOW_MODEL_VERSIONS: known_as})
        alias = CHAMPION if str(version.version) == "1" else CHALLENGER
        client.set_registered_model_alias(name, alias, version.version)
        client.set_tag(run.info.run_id, VERSION, f"{name}/{version.version}")


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a name, the newest last; creates the name if there is none."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.search_model_versions(f"name = '{quoted(name)}'", max_results=1000)
    return sorted(found, key=lambda version: int(version.version))


def _logged(client: MlflowClient, run: Run, folder: Path, about: Mapping[str, Any], trained: Run | None) -> str:
    """Log the package as a model of MLflow with the test metrics of the trained one, and return its id."""
    measured = models.linked(client, run, trained)
    if known := models.model_of(run):
        return known
    models.discard(client, run)
    source = client.get_logged_model(measured) if measured else None
    made = client.create_logged_model(
        run.info.experiment_id,
        name=about["name"].replace(".", "_"),
        source_run_id=run.info.run_id,
        tags={"weights": about["weights"], "method": about["method"]},
        params=source.params if source else None,
        model_type=about["kind"],
    )
    client.log_model_artifacts(made.model_id, str(folder / "model"))
    client.log_model_artifact(made.model_id, str(folder / "card.html"))
    with tempfile.TemporaryDirectory() as scratch:
        described = Model.load(str(folder / "model"))
        described.model_id, described.run_id = made.model_id, run.info.run_id
        described.save(str(Path(scratch, "MLmodel")))
        client.log_model_artifact(made.model_id, str(Path(scratch, "MLmodel")))
    if source:
        metrics = [
            Metric(m.key, m.value, m.timestamp, m.step, made.model_id, m.dataset_name, m.dataset_digest)
            for m in source.metrics or []
            if m.key.startswith("test/")
        ]
        for some in range(0, len(metrics), 1000):
            client.log_batch(run.info.run_id, metrics=metrics[some : some + 1000])
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(made.model_id, 0)])
    return str(made.model_id)
