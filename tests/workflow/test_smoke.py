"""The smoke config from one end to the other, through Snakemake: results, page, tracking, and nothing to do after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import files

CONFIG = ("--configfile", "config/smoke.yaml")


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
    assert len(manifests) == 3 + 3 + 3 + 8 + 7 + 4 + 1
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
    assert smoke.planned(*CONFIG) == set()
    assert "Nothing to be done" in smoke.call(*CONFIG).stderr


def test_results_know_what_they_were_made_of_without_snakemakes_memory(smoke) -> None:
    (memory := smoke.root / ".snakemake").rename(kept := smoke.root / "kept-memory")
    try:
        assert smoke.planned(*CONFIG) == set()
        with edited(smoke.root / "config/smoke.yaml", "hidden: [64]", "hidden: [32]"):
            reasons = smoke.reasons(*CONFIG)
    finally:
        shutil.rmtree(memory)
        kept.rename(memory)
    trained = [job for job, reason in reasons.items() if reason == "network.hidden [64] → [32]"]
    assert sorted(trained) == [f"train classifier: mlp on {policy}, seed 0" for policy in ("none", "standard")]
    assert len(reasons) == 5
    assert all("network.hidden [64] → [32]" in reason for reason in reasons.values())
    assert all("made anew" in reason for job, reason in reasons.items() if job not in trained)


@pytest.mark.parametrize(
    ("module", "before", "after", "rules", "stale"),
    [
        ("data/twins.py", "NEAREST = 1e-3", "NEAREST = 2e-3 / 2", ["data_prepare"], 28),
        pytest.param(
            "classify/losses.py",
            "    if weights is not None:",
            "    if not weights is None:",
            ["classify_train"],
            9,
            marks=pytest.mark.long,
        ),
    ],
)
def test_new_code_that_gives_the_same_bytes_runs_nothing_else(
    smoke, module: str, before: str, after: str, rules: list[str], stale: int
) -> None:
    until = ("--until", *rules)
    with edited(smoke.root / "src/darkroom" / module, before, after):
        assert len(smoke.planned(*CONFIG)) == stale
        smoke.call(*CONFIG, *until)
        assert smoke.planned(*CONFIG) == set()
    smoke.call(*CONFIG, *until)
    assert smoke.planned(*CONFIG) == set()


def test_the_command_why(smoke) -> None:
    model = "results/smoke/detect/normal-1/pca/seed-0/model"
    assert "nothing would run" in smoke.python("-m", "darkroom", "why", model, *CONFIG).stdout
    with edited(smoke.root / "src/darkroom/detect/methods/pca.py", "def __init__", "EXTRA = 1\n\n    def __init__"):
        told = smoke.python("-m", "darkroom", "why", model, *CONFIG).stdout
        whole = smoke.python("-m", "darkroom", "why", *CONFIG).stdout
    assert told == "fit detector: pca on normal-1, seed 0\n  detect/methods/pca.py: class PCA changed\n"
    assert (
        f"evaluate detector: pca on normal-1, seed 0\n  detect/methods/pca.py: class PCA changed\n  {model} is made anew\n"
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
    planned = project.planned("--configfile", str(project.config("names", content)))
    assert len(planned) == 4 * len(names) + 4  # fit and evaluate two detectors; fetch, prepare, data card, report
    commands = project.call("--configfile", "config/names.yaml", "--dry-run", "--printshellcmds").stdout
    assert "--spec" in commands
    assert "</td>" not in commands  # it would end a script in Snakemake's report


def test_snakemakes_own_report_works(smoke) -> None:
    smoke.call(*CONFIG, "--report", "snakemake-report.html")
    assert "confusion" in (smoke.root / "snakemake-report.html").read_text(encoding="utf-8")


def test_every_job_is_a_run_in_mlflow(smoke) -> None:
    script = """
import json, mlflow
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("smoke")
runs = client.search_runs([experiment.experiment_id], max_results=1000)
print(json.dumps([[r.info.run_id, r.info.status, r.data.tags, r.data.metrics, r.data.params,
    [a.path for a in client.list_artifacts(r.info.run_id)], len(r.inputs.dataset_inputs)] for r in runs]))
"""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///results/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=smoke.root, env=environment, capture_output=True, text=True
    )
    import json

    runs = json.loads(done.stdout.splitlines()[-1])
    assert not list(Path(smoke.root, "results/.tracking").glob("*.jsonl"))
    jobs = {tags["job"]: run for run in runs if "job" in (tags := run[2])}
    parents = {tags["method"]: run for run in runs if "method" in (tags := run[2])}
    assert len(jobs) == 29
    assert {run[1] for run in jobs.values()} == {"FINISHED"}
    assert set(parents) >= {"classify/none/mlp", "generate/vae", "detect/normal-1/pca"}
    trained = jobs["results/smoke/classify/standard/resnet/seed-0/model"]
    assert trained[3]["train/loss"] > 0
    assert trained[4]["training.epochs"] == "3"
    assert {"weights.pt", "history.csv"} <= set(trained[5])
    assert trained[6] == 2  # the prepared images and their copies
    evaluated = jobs["results/smoke/classify/standard/resnet/seed-0/evaluation"]
    assert evaluated[2]["built_from.model"] == trained[0]
    assert (
        evaluated[2]["mlflow.parentRunId"] == trained[2]["mlflow.parentRunId"] == parents["classify/standard/resnet"][0]
    )
    assert parents["classify/standard/resnet"][3]["test/accuracy"] == evaluated[3]["test/accuracy"]
