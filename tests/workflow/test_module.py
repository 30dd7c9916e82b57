"""The workflow as a module of another one, as `snakedeploy` and Snakemake's catalog use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.workflow.conftest import ROOT, Project

OUTER = """
configfile: "outer.yaml"


module digits:
    snakefile: {snakefile!r}
    config: config["digits"]


use rule * from digits as digits_*


module few:
    snakefile: {snakefile!r}
    config: {{**config["digits"], "name": "few", "data": {{"source": "sklearn", "split": {{"keep": {{"3": 12}}}}}}}}


use rule * from few as few_*


rule all:
    default_target: True
    input:
        digits=rules.digits_report_build.output.page,
        few=rules.few_report_build.output.page,
    output:
        "both.txt",
    shell:
        "echo {{input.digits}} {{input.few}} > {{output}}"
"""


@pytest.fixture
def outer(tmp_path: Path) -> Project:
    """Another workflow, with settings of its own, that runs ours for two data sets."""
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "workflow").mkdir()
    text = OUTER.format(snakefile=str(ROOT / "workflow" / "Snakefile"))
    (tmp_path / "workflow" / "Snakefile").write_text(text, encoding="utf-8")
    digits = {"name": "digits", "data": {"source": "sklearn"}, "classify": {"models": {"mlp": None}}}
    settings = {"threshold": 3, "digits": digits}
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Project(tmp_path)


@pytest.mark.thorough
def test_two_data_sets_run_as_modules_of_another_workflow(outer: Project) -> None:
    planned = outer.call("--dry-run", "--cores", "1").stdout
    counts = dict(re.findall(r"^(\w+) +(\d+)$", planned, re.MULTILINE))
    ours = ("data_fetch", "data_prepare", "classify_train", "classify_evaluate", "report_build")
    assert {f"{name}_{rule}" for name in ("digits", "few") for rule in ours} < counts.keys()
    assert "train classifier: mlp on none, seed 0" in planned
    outer.call("--cores", "1", "--until", "digits_data_fetch", "few_data_fetch", tracking="")
    assert {path.parts[-3] for path in outer.root.glob("data/*/raw/manifest.json")} == {"digits", "few"}


def test_a_wrong_config_of_a_module_is_explained(outer: Project) -> None:
    path = outer.root / "outer.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("classify", "clasify"), encoding="utf-8")
    done = outer.call("--dry-run", "--cores", "1", check=False)
    assert done.returncode == 1
    assert 'config of the module: 1 problem\n  clasify: no such key. Did you mean "classify"?' in done.stderr


def test_plain_snakemake_in_the_repository_runs_everything() -> None:
    """The file that Snakemake finds first there names the default target."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MLFLOW_TRACKING_URI": ""}
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall"]
    planned = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    counts = dict(re.findall(r"^(\w+) +(\d+)$", planned, re.MULTILINE))
    assert {"data_fetch", "classify_train", "report_build", "all"} <= counts.keys()
