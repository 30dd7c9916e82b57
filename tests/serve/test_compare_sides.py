"""Which results a comparison finds, pairs and leaves out, by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.serve.test_compare import classifier, command

from darkroom import files
from darkroom.tracking import spool


def test_what_is_in_one_result_alone_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seeds in (("one", (0, 1)), ("two", (1, 2))):
        for seed in seeds:
            classifier(tmp_path / f"{name}/classify/none/mlp/seed-{seed}", range(30 + seed))
        classifier(tmp_path / f"{name}/classify/none/cnn/seed-0", range(30))
    classifier(tmp_path / "two/classify/none/vit/seed-0", range(30))
    assert command(tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out") == 0
    alone = [
        "seed 0 of classify/none/mlp only in A",
        "seed 2 of classify/none/mlp only in B",
        "classify/none/vit is only in B",
    ]
    assert f"not compared: {'; '.join(alone)}\n" in capsys.readouterr().out
    assert files.read_json(tmp_path / "out/comparison.json")["unpaired"] == alone
    assert "Not compared: seed 0 of" in (tmp_path / "out/index.html").read_text(encoding="utf-8")
    mlp = (tmp_path / name / "classify/none/mlp" for name in ("one", "two"))
    assert command(*mlp, "--out", tmp_path / "out") == 0
    assert "not compared: seed 0 only in A; seed 2 only in B\n" in capsys.readouterr().out


def test_the_same_evaluation_twice_is_named_and_never_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, out = classifier(tmp_path / "a/seed-0", range(30)), tmp_path / "out"
    assert command(a, a, "--out", out) == 0
    assert "the same evaluation in A and B\n" in capsys.readouterr().out
    assert "the very same evaluation" in (out / "index.html").read_text(encoding="utf-8")


def test_a_config_stands_for_the_results_of_its_own_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for project, wrong in (("old", range(30)), ("new", range(60))):
        classifier(tmp_path / f"{project}/results/x/classify/none/mlp/seed-0", wrong)
        (tmp_path / project / "config").mkdir()
        (tmp_path / project / "config/x.yaml").write_text("name: x\n")
    (tmp_path / "elsewhere.yaml").write_text("name: x\n")
    monkeypatch.chdir(tmp_path / "new")
    assert command("../old/config/x.yaml", "config/x.yaml") == 1
    assert "90.0% → 80.0%, gain −10.0 points" in capsys.readouterr().out
    assert command("../old/config/x.yaml", "../elsewhere.yaml", "--out", "other") == 1


@pytest.mark.parametrize("given", ["models:/x@champion", "models:/x/1", "runs:/abc"])
def test_a_registry_that_is_down_ends_in_one_line(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(spool.URI, "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert command(given, given, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "MLflow at http://127.0.0.1:9 did not answer as expected" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
