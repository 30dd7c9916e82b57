"""The smoke config from one end to the other, through Snakemake: results, page, tracking, and nothing to do after it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.conftest import JOB

from darkroom import files

CONFIG = ("--configfile", "config/smoke.yaml")
PARENT = "mlflow.parentRunId"


@contextlib.contextmanager
def edited(path: Path, before: str, after: str) -> Iterator[None]:
    """A file with some text replaced, put back afterwards."""
    original = path.read_text(encoding="utf-8")
    assert before in original
    path.write_text(original.replace(before, after), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def test_every_stage_leaves_a_whole_folder(smoke) -> None:
    results = smoke.root / "results" / "smoke"
    manifests = [*results.rglob("manifest.json"), *(smoke.root / "data" / "smoke").rglob("manifest.json")]
    assert len(manifests) == 4 + 3 + 3 + 9 + 7 + 4 + 1
    for manifest in manifests:
        for name, digest in files.read_manifest(manifest.parent).items():
            assert files.sha256(manifest.parent / name) == digest
    assert not list(results.rglob(".*.new")) + list(results.rglob(".*.old"))
    assert not (results / "checkpoints").exists() or not list((results / "checkpoints").rglob("*.ckpt"))


def test_the_page_stands_alone_and_names_every_model(smoke) -> None:
    page = (smoke.root / "results/smoke/report/index.html").read_text(encoding="utf-8")
    for name in ("mlp", "resnet", "standard", "vae", "pca", "autoencoder"):
        assert name in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_second_run_has_nothing_to_do(smoke) -> None:
    assert "Nothing to be done" in smoke.call(*CONFIG).stderr


def test_results_know_what_they_were_made_of_without_snakemakes_memory(smoke) -> None:
    (memory := smoke.root / ".snakemake").rename(kept := smoke.root / "kept-memory")
    try:
        with edited(smoke.root / "config/smoke.yaml", "hidden: [64]", "hidden: [32]"):
            reasons = smoke.reasons(*CONFIG)  # of the others there is none, so they count as made
    finally:
        shutil.rmtree(memory)
        kept.rename(memory)
    trained = [job for job, reason in reasons.items() if reason == "network.hidden [64] → [32]"]
    assert sorted(trained) == [f"train classifier: mlp on {policy}, seed 0" for policy in ("none", "standard")]
    assert len(reasons) == 6
    assert all("network.hidden [64] → [32]" in reason for reason in reasons.values())
    assert all("rebuilt" in reason for job, reason in reasons.items() if job not in trained)


@pytest.mark.parametrize(
    ("module", "before", "after", "rules", "stale"),
    [
        ("data/twins.py", "NEAREST = 1e-3", "NEAREST = 2e-3 / 2", ["data_prepare"], 30),
        pytest.param(
            "classify/losses/soft.py",
            "return (targets * losses).sum() / targets.sum()",
            "return (losses * targets).sum() / targets.sum()",
            ["classify_train"],
            10,
            marks=pytest.mark.long,
        ),
    ],
)
def test_new_code_that_gives_the_same_bytes_runs_nothing_else(
    smoke, module: str, before: str, after: str, rules: list[str], stale: int
) -> None:
    places = (smoke.root / "results/smoke", smoke.root / "data/smoke", smoke.root / ".snakemake/metadata")
    for place in places:
        shutil.copytree(place, smoke.root / "kept" / place.relative_to(smoke.root))
    try:
        with edited(smoke.root / "src/darkroom" / module, before, after):
            assert len(smoke.planned(*CONFIG)) == stale
            smoke.call(*CONFIG, "--until", *rules)
            assert smoke.planned(*CONFIG) == set()
    finally:
        for place in places:
            shutil.rmtree(place)
            (smoke.root / "kept" / place.relative_to(smoke.root)).rename(place)
        shutil.rmtree(smoke.root / "kept")


def test_the_command_why(smoke) -> None:
    model = "results/smoke/detect/normal-1/pca/seed-0/model"
    with edited(smoke.root / "src/darkroom/detect/methods/pca.py", "def __init__", "EXTRA = 1\n\n    def __init__"):
        told = smoke.python("-m", "darkroom", "why", model, *CONFIG).stdout
        whole = smoke.python("-m", "darkroom", "why", *CONFIG).stdout
    assert told == "fit detector: pca on normal-1, seed 0\n  detect/methods/pca.py: class PCA changed\n"
    assert (
        f"evaluate detector: pca on normal-1, seed 0\n  detect/methods/pca.py: class PCA changed\n  {model} is rebuilt\n"
        in whole
    )
    assert whole.endswith("\n3 jobs would run\n")
    wrong = smoke.python("-m", "darkroom", "why", "results/smoke/no/such", *CONFIG, check=False)
    assert wrong.returncode == 1
    assert "MissingRule" in wrong.stderr


def test_names_of_any_letters_make_a_plan(project, tmp_path: Path) -> None:
    names = ["{}{x}", "{wildcards.seed}", "$HOME `id`", "</td>", "a\nb", "'\""]
    (folder := tmp_path / "{a} $b").mkdir()
    for index in range(3):
        for name in names:
            (inside := folder / name.replace("/", "-")).mkdir(exist_ok=True)
            (inside / f"{index}.png").write_bytes(b"")
    content = {
        "name": "names",
        "data": {"source": {"name": "folder", "path": str(folder)}},
        "detect": {"normal": names},
    }
    plan = project.call("--configfile", str(project.config("names", content)), "--dry-run", "--printshellcmds")
    # fit and evaluate two detectors; fetch, prepare, data card, report
    assert len(set(JOB.findall(plan.stdout + plan.stderr))) == 4 * len(names) + 4
    assert "--spec" in plan.stdout
    assert "</td>" not in plan.stdout  # it would end a script in Snakemake's report


def test_snakemakes_own_report_works(smoke) -> None:
    smoke.call(*CONFIG, "--report", "snakemake-report.html")
    assert "confusion" in (smoke.root / "snakemake-report.html").read_text(encoding="utf-8")


def test_every_job_is_a_run_in_mlflow(smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(smoke.root)
    client = MlflowClient("sqlite:///results/mlflow.db")
    experiment = client.get_experiment_by_name("smoke")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    assert not list(Path("results/.tracking").glob("*.jsonl"))
    jobs = {run.data.tags["job"]: run for run in runs if "job" in run.data.tags}
    parents = {run.data.tags["method"]: run for run in runs if "method" in run.data.tags}
    assert len(jobs) == 31
    assert {run.info.status for run in jobs.values()} == {"FINISHED"}
    assert set(parents) >= {"classify/none/mlp", "generate/vae", "detect/normal-1/pca"}
    trained = jobs["results/smoke/classify/standard/resnet/seed-0/model"]
    assert trained.data.metrics["train/loss"] > 0
    assert trained.data.params["training.epochs"] == "3"
    assert {"weights.pt", "history.csv"} <= {artifact.path for artifact in client.list_artifacts(trained.info.run_id)}
    assert len(trained.inputs.dataset_inputs) == 2  # the prepared images and their copies
    evaluated = jobs["results/smoke/classify/standard/resnet/seed-0/evaluation"]
    assert evaluated.data.tags["built_from.model"] == trained.info.run_id
    parent = parents["classify/standard/resnet"]
    assert evaluated.data.tags[PARENT] == trained.data.tags[PARENT] == parent.info.run_id
    assert parent.data.metrics["test/accuracy"] == evaluated.data.metrics["test/accuracy"]
