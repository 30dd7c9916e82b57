"""Sends a spool folder to MLflow: `python -m darkroom.tracking.sender FOLDER`; follows its files while stages write them.

Every run carries the tags `stage`, `job` (its folder), `dataset`, `model`, `policy`, `seed`, `spec`, `code`, `commit` and
`built_from.INPUT` (run ids). An earlier run of the same job is tagged `superseded_by` and moved to MLflow's deleted runs,
where it can be restored. Runs of several seeds are children of one parent that carries their mean and interval;
so are the folds of a classifier and the trials of a search, without mean and interval. Trained models are LoggedModels, see
`darkroom.tracking.models`.

Every step is idempotent: a response may be lost after the server has handled the request.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# retries happen here, after checking what has arrived; the client's own retries could create a run twice
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from darkroom.files import MANIFEST, sha256
from darkroom.tracking import models, registration, spool
from darkroom.tracking.database import LOCAL_ARTIFACTS, make_database, relocate
from darkroom.tracking.names import NUMBERED, flat, has_parent, method, metric_name, quoted, summary, title

ARTIFACTS = (".png", ".svg", ".json", ".csv", ".pt", ".html", ".parquet")
LARGEST_ARTIFACT = 64 * 2**20
PAUSE = 1.0
"""Seconds between polls of the spool."""
LINGER = 10
"""Polls of an empty spool before a sender exits: the next job usually opens its file within that time, and starting another
sender takes seconds."""
PATIENCE = 30.0
"""Seconds to retry failing deliveries after their stage has ended."""


def main(folder: Path) -> None:
    """Send everything in a spool folder until it stays empty; each folder has one active sender, and any other exits at once."""
    given_up: set[Path] = set()
    while set(folder.glob("*.jsonl")) - given_up:
        with spool.exclusive(folder / spool.SENDER_LOCK, wait=False) as mine:
            if not mine:
                return
            _work(folder, given_up)
        # a stage that wrote its file after the last poll saw the lock held and started no sender: poll once more


def _work(folder: Path, given_up: set[Path]) -> None:
    deliveries: dict[Path, Delivery] = {}
    idle = time.monotonic()
    while time.monotonic() - idle < LINGER * PAUSE:
        for path in sorted(set(folder.glob("*.jsonl")) - given_up):
            idle = time.monotonic()
            if _redirected(folder):
                deliveries.clear()
                given_up.clear()
            delivery = deliveries.setdefault(path, Delivery(path))
            if delivery.advance():
                del deliveries[path]
            elif delivery.failing_since and time.monotonic() - delivery.failing_since > PATIENCE:
                given_up.add(path)
        time.sleep(PAUSE)


def _redirected(folder: Path) -> bool:
    """Switch to the current tracking URI; return whether it changed."""
    uri = spool.destination(folder)
    if uri is None or uri == os.environ.get(spool.URI):
        return False
    os.environ[spool.URI] = uri
    return True


class Delivery:
    """Delivery of one spool file. A note beside the file records progress, so that a new sender can resume."""

    def __init__(self, path: Path) -> None:
        self.path, self.note = path, path.with_suffix(".sent")
        self.uri = os.environ[spool.URI]
        sent = json.loads(self.note.read_text()) if self.note.exists() else {}
        if sent.get("uri") != self.uri:  # progress on another server does not count here
            sent = {}
        self.run_id: str | None = sent.get("run")
        self.offset: int = sent.get("offset", 0)
        self.closed: bool = sent.get("closed", False)
        self.ending: dict[str, Any] = {"end": "KILLED", "error": None}
        self.failing_since: float | None = None

    @functools.cached_property
    def client(self) -> MlflowClient:
        """MLflow client, connected on first use."""
        make_database(self.uri)
        if moved := relocate(self.uri):
            print(f"darkroom: tracking: {moved}", file=sys.stderr)
        return MlflowClient(self.uri)

    @functools.cached_property
    def header(self) -> dict[str, Any]:
        """Header record from the file's first line."""
        with self.path.open(encoding="utf-8") as stream:
            line = stream.readline()
        if not line.endswith("\n"):
            raise _NeverBeganError
        header: dict[str, Any] = json.loads(line)["header"]
        return header

    def advance(self) -> bool:
        """Send new records; return whether the stage has ended, everything has arrived and the file is deleted."""
        alive = spool.held(self.path)  # checked first, so that everything a stage wrote before it ended is read below
        try:
            if self.run_id is None:
                self._open()
            ended = self.closed or self._send()
            if ended or not alive:
                self._close()
            self.failing_since = None
        except _NeverBeganError:
            if not alive:
                self.path.unlink()
            return not alive
        except Exception as error:  # the server or client may raise anything: the records stay for the next attempt
            print(f"darkroom: tracking: {type(error).__name__}: {error}", file=sys.stderr)
            self.failing_since = None if alive else self.failing_since or time.monotonic()
            return False
        return ended or not alive

    def _open(self) -> None:
        experiment = self._experiment()
        run = self._latest(experiment, f"tags.spool = '{self.path.stem}'") or self._create(experiment)
        self._describe(run)
        self.run_id = run.info.run_id
        self._supersede(run)
        self._remember()

    def _experiment(self) -> str:
        name = self.header["dataset"]
        if found := self.client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        local = self.uri.startswith("sqlite:")
        place = (LOCAL_ARTIFACTS / name).absolute().as_uri() if local else None
        return str(self.client.create_experiment(name, artifact_location=place))

    def _create(self, experiment: str) -> Run:
        header, named = self.header, self.header.get("tags", {})
        tags = {
            "mlflow.source.name": f"darkroom {header['stage']}",
            "spool": self.path.stem,
            "stage": header["stage"],
            "job": header["job"],
            "dataset": header["dataset"],
        }
        tags |= named | self._provenance()
        for name, place in header["inputs"].items():
            if earlier := self._latest(experiment, _of(place)):
                tags[f"built_from.{name}"] = earlier.info.run_id
        if has_parent(named):
            tags["mlflow.parentRunId"] = self._parent(experiment, named)
        return self.client.create_run(
            experiment, start_time=header["start"], tags=tags, run_name=title(header["stage"], named)
        )

    def _describe(self, run: Run) -> None:
        params = [Param(metric_name(k), str(v)[:6000]) for k, v in flat(self.header["spec"])]
        for some in range(0, len(params), 100):
            self.client.log_batch(run.info.run_id, params=params[some : some + 100])
        if inputs := list(self._datasets()):
            self.client.log_inputs(run.info.run_id, inputs)

    def _supersede(self, run: Run) -> None:
        """Supersede all but the latest run of this job; a run whose records are still arriving does this itself at its end."""
        found = self._found(run.info.experiment_id, _of(self.header["job"]), most=100)
        *earlier, latest = sorted(found, key=lambda one: (one.info.start_time, one.info.run_id == run.info.run_id))
        for other in earlier:
            if self._arriving(other) or registration.VERSION in other.data.tags:
                continue
            if other.info.status == "RUNNING":  # killed, and its records are lost
                self.client.set_terminated(other.info.run_id, "KILLED")
            if model := models.model_of(other):
                self.client.delete_logged_model(model)
            self.client.set_tag(other.info.run_id, "superseded_by", latest.info.run_id)
            self.client.delete_run(other.info.run_id)

    def _arriving(self, run: Run) -> bool:
        """Return whether records of a run are still arriving; false for an accidental duplicate, which receives none."""
        if run.info.run_id == self.run_id:
            return not self.closed
        other = run.data.tags.get("spool", "")
        return other != self.path.stem and self.path.with_name(f"{other}.jsonl").exists()

    def _provenance(self) -> dict[str, str]:
        """Return hashes of the stage's spec and code, and their commit."""
        header = self.header
        spec = json.dumps(header["spec"], sort_keys=True)
        return {
            "spec": hashlib.sha256(spec.encode()).hexdigest()[:16],
            "code": header.get("code", ""),
            "commit": _commit(),
        }

    def _datasets(self) -> Iterator[DatasetInput]:
        for name, place in self.header["inputs"].items():
            if name in {"data", "copies"} and Path(place, MANIFEST).exists():
                digest = sha256(Path(place, MANIFEST))[:16]
                dataset = Dataset(
                    f"{self.header['dataset']}/{Path(place).name}", digest, "local", json.dumps({"uri": place})
                )
                yield DatasetInput(dataset, [InputTag("mlflow.data.context", name)])

    def _found(self, experiment: str, filters: str, *, most: int) -> list[Run]:
        """Return runs that are not superseded, latest first."""
        return list(self.client.search_runs([experiment], filters, max_results=most, order_by=["start_time DESC"]))

    def _latest(self, experiment: str, filters: str) -> Run | None:
        return next(iter(self._found(experiment, filters, most=1)), None)

    def _parent(self, experiment: str, named: Mapping[str, str]) -> str:
        name = method(self.header["stage"], named)
        run = self._latest(experiment, f"tags.method = '{quoted(name)}'")
        if run is None:
            shared = {key: value for key, value in named.items() if key not in NUMBERED}
            tags = {"method": name, "dataset": self.header["dataset"], **shared}
            run = self.client.create_run(experiment, tags=tags, run_name=name)
        if run.info.status == "RUNNING":
            self.client.set_terminated(run.info.run_id)
        return str(run.info.run_id)

    def _send(self) -> bool:
        """Send the whole lines that are new; true when the stage has said how it ended."""
        with self.path.open(encoding="utf-8") as stream:
            stream.seek(self.offset)
            while True:
                metrics: list[Metric] = []
                while len(metrics) < 900 and (line := stream.readline()).endswith("\n"):
                    record = spool.record(line)
                    if "end" in record:
                        self._log(metrics)
                        self.ending = record
                        return True
                    metrics += _metrics(record)
                    read_to = stream.tell()
                if not metrics:
                    return False
                self._log(metrics)
                self.offset = read_to
                self._remember()

    def _log(self, metrics: list[Metric]) -> None:
        assert self.run_id is not None
        for some in range(0, len(metrics), 1000):
            self.client.log_batch(self.run_id, metrics=metrics[some : some + 1000])

    def _close(self) -> None:
        assert self.run_id is not None
        if not self.closed:
            self._end(self.run_id, self.ending)
            self.closed = True
            self._remember()
        self._supersede(self.client.get_run(self.run_id))
        self.path.unlink()
        self.note.unlink(missing_ok=True)

    def _end(self, run_id: str, ending: dict[str, Any]) -> None:
        """Send the files of a stage that finished, how it ended, and what that means for its parent."""
        if ending["end"] == "FINISHED":
            for file in sorted(Path(self.header["job"]).rglob("*")):
                if file.suffix in ARTIFACTS and file.is_file() and file.stat().st_size <= LARGEST_ARTIFACT:
                    inside = file.relative_to(self.header["job"]).parent.as_posix()
                    self.client.log_artifact(run_id, str(file), inside if inside != "." else None)
            self._log_model(run_id)
        if ending["error"]:
            self.client.set_tag(run_id, "error", ending["error"][:5000])
        self.client.set_terminated(run_id, ending["end"], ending.get("time"))
        self._summarize(self.client.get_run(run_id))

    def _log_model(self, run_id: str) -> None:
        """Log the model that the stage trained, or link the one that it measured, with the last values of its metrics."""
        place, run = self.header["inputs"].get("model"), self.client.get_run(run_id)
        trained = self._latest(run.info.experiment_id, _of(place)) if place else None
        if model := models.logged(self.client, run, self.header) or models.linked(self.client, run, trained):
            with self.path.open(encoding="utf-8") as stream:
                metrics = [metric for line in stream for metric in _metrics(spool.record(line))]
            self._log(models.of_model(metrics, model, next((each.dataset for each in self._datasets()), None)))
        experiment = run.info.experiment_id
        registration.register(self.client, run, self.header, lambda job: self._latest(experiment, _of(job)))

    def _summarize(self, run: Run) -> None:
        """Write the mean and 95 % t interval over seeds of the final metrics to the parent run."""
        parent = run.data.tags.get("mlflow.parentRunId")
        if parent is None:
            return
        filters = f"tags.`mlflow.parentRunId` = '{parent}' and attributes.status = 'FINISHED'"
        values: dict[str, list[float]] = {}
        for child in self.client.search_runs([run.info.experiment_id], filters, max_results=1000):
            for name, value in child.data.metrics.items():
                if name.startswith("test/"):
                    values.setdefault(name, []).append(value)
        now = time.time_ns() // 1_000_000
        metrics = [Metric("seeds", max(map(len, values.values())), now, 0)] if values else []
        for name, seen in values.items():
            metrics += [Metric(key, value, now, 0) for key, value in summary(name, seen).items()]
        for some in range(0, len(metrics), 1000):
            self.client.log_batch(parent, metrics=metrics[some : some + 1000])

    def _remember(self) -> None:
        fresh = self.note.with_suffix(".new")
        fresh.write_text(
            json.dumps({"uri": self.uri, "run": self.run_id, "offset": self.offset, "closed": self.closed})
        )
        fresh.replace(self.note)


def _of(job: str) -> str:
    """Return the search filter for runs of a job, by its folder."""
    return f"tags.job = '{quoted(job)}'"


def _commit() -> str:
    """Return the checked-out commit; empty outside a repository or without git."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _metrics(record: Mapping[str, Any]) -> list[Metric]:
    """Return the metrics in a record of a spool file."""
    step = record.get("step") or 0
    return [Metric(metric_name(k), v, record["time"], step) for k, v in record.get("metrics", {}).items()]


class _NeverBeganError(Exception):
    """Header line incomplete: the stage died early or has yet to write it."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
