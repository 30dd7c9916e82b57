"""Versions in the registry: registered once and whole, and promoted by a comparison of the very weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.__main__ import main
from darkroom.serve.compare.sources import methods
from darkroom.serve.registry import promote
from darkroom.tracking import sender, spool

NAME, RESULTS = "digits", "results/set"
SEED = "classify/none/mlp/seed-0"


@pytest.fixture
def client(store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(spool, "_start_sender", lambda folder: None)
    return store


def stage(name: str, folder: str, inputs: dict[str, str], metrics: dict[str, float]) -> None:
    header = {"stage": name, "dataset": "set", "tags": {"model": NAME}, "job": folder, "spec": {}, "inputs": inputs}
    with spool.Run(header) as run:
        run(metrics)


def train(weights: str) -> None:
    with files.folder(Path(RESULTS, SEED, "model")) as fresh:
        files.write_json(fresh / "model.json", {"kind": "network", "plugin": {"name": "mlp"}, "classes": ["a", "b"]})
        (fresh / "weights.pt").write_text(weights)
    with files.folder(Path(RESULTS, SEED, "evaluation")) as fresh:
        files.write_json(fresh / "metrics.json", {})
    stage("classify train", f"{RESULTS}/{SEED}/model", {}, {"train/loss": 0.5})
    stage(
        "classify evaluate",
        f"{RESULTS}/{SEED}/evaluation",
        {"model": f"{RESULTS}/{SEED}/model"},
        {"test/accuracy": 0.9},
    )


def package(weights: str) -> None:
    """What `serve package` leaves."""
    with files.folder(Path(RESULTS, "registry", NAME)) as fresh:
        (fresh / "model/data").mkdir(parents=True)
        (fresh / "model/MLmodel").write_text("flavors: {}\n")
        (fresh / "model/data/weights.pt").write_text(weights)
        (fresh / "card.html").write_text("card")
        about = {"name": NAME, "kind": "classifier", "method": "none/mlp", "seed": 0, "weights": weights}
        about |= {"model": f"{SEED}/model", "evaluation": f"{SEED}/evaluation"}
        files.write_json(fresh / "version.json", about)
    stage("serve package", f"{RESULTS}/registry/{NAME}", {"results": RESULTS}, {})


def register(weights: str) -> None:
    train(weights)
    package(weights)
    sender.main(spool.SPOOL)


def aliases(client: Any) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def compare(a: str, b: str, *, promoted: bool = True) -> Path:
    folder = Path("comparison")
    folder.mkdir(exist_ok=True)
    found = {"promoted": promoted, "models": [{"name": "", "weights": {"a": [a], "b": [b]}}]}
    files.write_json(folder / "comparison.json", found)
    return folder


def command(*words: str) -> int:
    return main(["promote", NAME, *words])


def test_the_first_version_is_the_champion_and_the_next_a_challenger(client: Any) -> None:
    register("first")
    assert aliases(client) == {"champion": "1"}
    register("second")
    assert aliases(client) == {"champion": "1", "challenger": "2"}
    version = client.get_model_version(NAME, "2")
    assert version.tags["weights"] == "second"
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    folder = Path(model.artifact_location.removeprefix("file://"))
    assert sorted(path.name for path in folder.iterdir()) == ["MLmodel", "card.html", "data"]
    assert model.model_id in (folder / "MLmodel").read_text()
    assert {metric.key: metric.value for metric in model.metrics} == {"test/accuracy": 0.9}
    assert model.tags["mlflow.modelVersions"] == '[{"name": "digits", "version": "2"}]'
    run = client.get_run(version.run_id)
    [trained] = [client.get_logged_model(each.model_id) for each in run.inputs.model_inputs]
    assert trained.tags["weights"] == files.sha256(Path(RESULTS, SEED, "model/weights.pt"))
    first = client.get_run(client.get_model_version(NAME, "1").run_id)
    assert first.info.lifecycle_stage == "active", "the run of a version stays"


def test_the_same_package_is_no_new_version(client: Any) -> None:
    register("first")
    package("first")
    sender.main(spool.SPOOL)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


@pytest.mark.parametrize(
    "step", ["log_model_artifacts", "finalize_logged_model", "log_outputs", "create_model_version", "set_tag"]
)
@pytest.mark.parametrize("done", [False, True])
def test_a_sender_that_dies_while_it_registers_leaves_one_version(
    client: Any, step: str, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("first")
    sender.main(spool.SPOOL)
    package("first")
    [path] = spool.SPOOL.glob("*.jsonl")
    whole = getattr(sender.MlflowClient, step)

    def fails(self: Any, *given: Any, **more: Any) -> Any:
        if done:  # the answer is lost
            whole(self, *given, **more)
        raise ConnectionError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(sender.MlflowClient, step, fails)
        assert not sender.Delivery(path).advance()
    assert sender.Delivery(path).advance()
    [version] = client.search_model_versions(f"name = '{NAME}'")
    assert aliases(client) == {"champion": "1"}
    models = client.search_logged_models([client.get_experiment_by_name("set").experiment_id])
    assert {str(model.status) for model in models} == {"READY"}
    assert [model.model_id for model in models if model.name == NAME] == [version.source.removeprefix("models:/")]


def test_only_a_comparison_of_these_weights_promotes(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    register("first")
    register("second")
    for folder in (compare("first", "third"), compare("zero", "second"), compare("second", "first")):
        assert command("--comparison", str(folder)) == 1
        assert (
            "does not compare version 2 with the champion, version 1; run: "
            "darkroom compare models:/digits@champion models:/digits@challenger --out comparison"
        ) in capsys.readouterr().err
    compare("first", "second", promoted=False)
    assert command() == 1
    assert "does not promote version 2" in capsys.readouterr().err
    assert aliases(client) == {"champion": "1", "challenger": "2"}
    compare("first", "second")
    assert command() == 0
    assert "version 2 of digits is its champion, in place of version 1" in capsys.readouterr().out
    assert aliases(client) == {"champion": "2"}
    assert client.get_model_version(NAME, "2").tags["replaces"] == "1"
    assert command() == 1
    assert "digits has no challenger in the registry: version 2 is its champion" in capsys.readouterr().err


def test_versions_can_be_compared(client: Any) -> None:
    register("first")
    register("second")
    for named, weights in (("@champion", "first"), ("@challenger", "second"), ("/1", "first")):
        [run] = methods(f"models:/{NAME}{named}")[""].values()
        assert (run.model_folder / "weights.pt").read_text() == weights
    for named, said in (("@nobody", "alias nobody"), ("/3", "not found"), ("", "expected NAME@ALIAS or NAME/VERSION")):
        with pytest.raises(ValueError, match=said):
            methods(f"models:/{NAME}{named}")


def test_of_two_promotions_at_once_the_second_stops(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    register("first")
    register("second")
    compare("first", "second")
    challenger = client.get_model_version(NAME, "2")
    with promote._alone(client, NAME, challenger):
        assert command() == 1
        assert "another promotion of digits is running" in capsys.readouterr().err
    assert aliases(client) == {"champion": "1", "challenger": "2"}
    client.set_registered_model_tag(NAME, f"{promote.MARK}2.1.1", "1000")  # of one that died long ago
    assert command() == 0


def test_a_champion_that_changes_meanwhile_stays(
    client: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register("first")
    register("second")
    register("third")
    compare("first", "third")
    check = promote._check

    def meanwhile(*given: Any) -> None:
        check(*given)
        client.set_registered_model_alias(NAME, "champion", "2")

    monkeypatch.setattr(promote, "_check", meanwhile)
    assert command() == 1
    assert "the champion has just changed" in capsys.readouterr().err
    assert aliases(client) == {"champion": "2", "challenger": "3"}


def test_a_registry_that_is_down_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(spool.URI, "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert command() == 1
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "http://127.0.0.1:9 did not answer as expected, and the champion stays" in said


def test_an_unknown_name_is_named(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 1
    assert 'the registry has no model "digits"' in capsys.readouterr().err
    shutil.rmtree("results", ignore_errors=True)
