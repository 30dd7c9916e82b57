"""Find the evaluated models of a result: a folder, a config, an MLflow run, or a commit whose runs are in MLflow."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from darkroom import files
from darkroom.fit.model import described
from darkroom.report.results import Run, read_run
from darkroom.serve.compare.pairs import TABLES
from darkroom.tracking import database, spool

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as Tracked

SEED, EVALUATION, MODEL = "seed-", "evaluation", "model"
EVALUATIONS = ("classify evaluate", "detect evaluate")
RUNS, VERSIONS = "runs:/", "models:/"
FORMS = (
    "expected a folder such as results/NAME or results/NAME/classify/POLICY/MODEL, a config, runs:/ID or "
    "models:/NAME@champion of MLflow, or a commit, COMMIT:NAME"
)


def methods(given: str) -> dict[str, dict[int, Run]]:
    """Return the runs of each evaluated model of a result by seed; raises ValueError if there are none."""
    if given.startswith(RUNS):
        return _Server().runs(given.removeprefix(RUNS))
    if given.startswith(VERSIONS):
        return _Server().version(given.removeprefix(VERSIONS))
    if (path := Path(given)).is_dir():
        return _in_folder(path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _in_folder(_results(path))
    commit, _, name = given.partition(":")
    history = _git("rev-list", "--end-of-options", commit, "--")
    if not history:
        raise ValueError(f'there is no result "{given}"; {FORMS}')
    return _Server().made_by(history.split(), given, name)


def _results(config: Path) -> Path:
    """Return the folder of a config's results: that of the project that it lies in, or else in the current folder."""
    name = _name(config)
    places = (folder / "results" / name for folder in config.absolute().parents)
    return next((place for place in places if place.is_dir()), Path("results", name))


def _name(config: Path) -> str:
    """Return the `name` of a config, which may be of another version of Darkroom."""
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{config} is not valid YAML: {' '.join(str(error).split())}") from None
    name = found.get("name") if isinstance(found, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"{config} is no config of Darkroom: it has no key `name`; {FORMS}")
    return name


def _in_folder(folder: Path) -> dict[str, dict[int, Run]]:
    """Return the models in a folder of a seed, of one model with all its seeds, or of all results."""
    if (folder / EVALUATION).is_dir():
        return {"": dict([_run(folder)])}
    if seeds := sorted(folder.glob(f"{SEED}*")):
        return {"": dict(_run(each) for each in seeds)}
    found: dict[str, dict[int, Run]] = {}
    for section in ("classify", "detect"):
        for each in sorted(folder.glob(f"{section}/*/*/{SEED}*/{EVALUATION}")):
            number, run = _run(each.parent)
            found.setdefault("/".join(each.parts[-5:-2]), {})[number] = run
    if not found:
        raise ValueError(f"{folder} has no evaluated classifier or detector; {FORMS}")
    return found


def _run(folder: Path) -> tuple[int, Run]:
    model, evaluation = folder / MODEL, folder / EVALUATION
    for part in (model / "model.json", evaluation / files.MANIFEST):
        if not part.is_file():
            raise ValueError(f"{folder} is not a finished model: there is no {part}")
    return _read(model, evaluation, folder.resolve().name.removeprefix(SEED))


def _read(model: Path, evaluation: Path, seed: str) -> tuple[int, Run]:
    if (kind := described(model)["kind"]) not in TABLES:
        raise ValueError(f"{model} holds a {kind}; classifiers and detectors can be compared")
    run = read_run(model, evaluation, int(seed) if seed.isdigit() else 0)
    return run.seed, run


class _Server:
    """The MLflow server that the last run was sent to, or that of MLFLOW_TRACKING_URI."""

    @cached_property
    def client(self) -> MlflowClient:
        from mlflow import MlflowClient

        uri = spool.tracking_uri()
        if not uri:
            raise ValueError(f"no MLflow server is known; set {spool.URI}, or give a folder of results")
        database.demand(uri)
        return MlflowClient(uri)

    def runs(self, run_id: str) -> dict[str, dict[int, Run]]:
        """Return the model of an evaluation's run, or of all seeds of their parent."""
        with self._answering(f"run {run_id}"):
            asked = self.client.get_run(run_id)
        found = [asked]
        if "method" in asked.data.tags:
            filters = f"tags.`mlflow.parentRunId` = '{asked.info.run_id}'"
            found = list(self.client.search_runs([asked.info.experiment_id], filters, max_results=1000))
        finished = [run for run in found if _evaluated(run)]
        if not finished:
            raise ValueError(
                f"run {run_id} of MLflow is no finished evaluation of a classifier or detector, nor their parent; "
                "give the run of an evaluation, or the one that its seeds share"
            )
        return {"": dict(self._local(run) for run in finished)}

    def version(self, named: str) -> dict[str, dict[int, Run]]:
        """Return the registered model `NAME@ALIAS` or `NAME/VERSION`, with the evaluation that it was registered with."""
        name, at, alias = named.partition("@")
        if not at and "/" not in named:
            raise ValueError(f"MLflow has no model {named}: expected NAME@ALIAS or NAME/VERSION")
        with self._answering(f"model {named}"):
            if at:
                found = self.client.get_model_version_by_alias(name, alias)
            else:
                found = self.client.get_model_version(*named.rsplit("/", 1))
        if "evaluated_by" not in found.tags:
            raise ValueError(f"{VERSIONS}{named} was not registered by Darkroom with a tracked evaluation")
        return self.runs(found.tags["evaluated_by"])

    def made_by(self, history: Iterable[str], given: str, name: str) -> dict[str, dict[int, Run]]:
        """Return the latest evaluation of every model by code of these commits, of the data set `name` if there are several."""
        from mlflow.entities import ViewType

        commits, latest = set(history), dict[str, "Tracked"]()
        with self._answering("experiment"):
            experiments = list(self.client.search_experiments())
        for experiment in experiments:
            if name and experiment.name != name:
                continue
            for stage in EVALUATIONS:
                for run in self._all(experiment.experiment_id, f"tags.stage = '{stage}'", ViewType.ALL):
                    if _evaluated(run) and run.data.tags.get("commit") in commits:
                        latest.setdefault(run.data.tags["job"], run)
        sets = sorted({run.data.tags["dataset"] for run in latest.values()})
        if not sets:
            raise ValueError(f"MLflow has no evaluation that was made at {given} or before; {FORMS}")
        if len(sets) > 1:
            raise ValueError(f"results of several data sets were made at {given}: {', '.join(sets)}; add :NAME to it")
        found: dict[str, dict[int, Run]] = {}
        for job, run in latest.items():
            number, read = self._local(run)
            found.setdefault("/".join(Path(job).parts[-5:-2]), {})[number] = read
        return found

    @contextlib.contextmanager
    def _answering(self, wanted: str) -> Iterator[None]:
        """Raise ValueError if the server says that there is nothing like that, OSError if it does not answer."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            reason = str(error.message).splitlines()[0][:300]
            if error.error_code == "INTERNAL_ERROR":
                raise OSError(f"MLflow at {self.client.tracking_uri} did not answer as expected: {reason}") from None
            raise ValueError(f"MLflow has no {wanted}: {reason}") from None

    def _all(self, experiment: str, filters: str, view: int) -> Iterable[Tracked]:
        """Yield the runs, also those that were replaced since, latest first."""
        token = None
        while True:
            page = self.client.search_runs(
                [experiment], filters, view, max_results=1000, order_by=["start_time DESC"], page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _local(self, run: Tracked) -> tuple[int, Run]:
        """Read a model from the artifacts of its evaluation's run and of its training's."""
        tags = run.data.tags
        model, evaluation = (self._artifacts(each) for each in (tags.get("built_from.model", ""), run.info.run_id))
        return _read(model, evaluation, tags.get("seed", ""))

    def _artifacts(self, run_id: str) -> Path:
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(run_id=run_id, tracking_uri=self.client.tracking_uri))


def _evaluated(run: Tracked) -> bool:
    return run.info.status == "FINISHED" and run.data.tags.get("stage") in EVALUATIONS


def _git(*words: str) -> str:
    """Return git's answer; empty outside a repository, without git, and for an unknown commit."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
