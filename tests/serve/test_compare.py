"""Comparing two results on the same test images, by the command itself."""

from __future__ import annotations

import csv
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from darkroom import files
from darkroom.__main__ import main
from darkroom.data.store import describe_store
from darkroom.measure.intervals import Difference
from darkroom.serve.compare.metrics import metrics_of
from darkroom.serve.compare.pairs import Pair, pairs
from darkroom.serve.compare.sources import methods
from darkroom.serve.compare.verdict import judged
from darkroom.tracking import spool

CLASSES = ("cat", "dog <b>", "eel")
ITEMS = 300
TRUTH = np.arange(ITEMS) % 3
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a seed whose answers are wrong for the given rows."""

    def make(name: str, wrong: Sequence[int], seed: int = 0, *, truth: np.ndarray = TRUTH) -> Path:
        return classifier(tmp_path / name / f"seed-{seed}", wrong, truth=truth)

    return make


def classifier(out: Path, wrong: Sequence[int], *, truth: np.ndarray = TRUTH) -> Path:
    """Write a classifier whose answers are wrong for the given rows."""
    predicted = truth.copy()
    predicted[list(wrong)] = (truth[list(wrong)] + 1) % 3
    about = {"kind": "network", "plugin": {"name": "mlp"}, "classes": list(CLASSES), "shape": [1, 8, 8]}
    table = {"id": [f"{k:03}" for k in range(ITEMS)], "label": truth, "prediction_plain": predicted}
    table |= {f"p_plain_{k}": np.where(predicted == k, 0.8, 0.1) for k in range(3)}
    finished(out, about, table)
    return out


def anomalies(out: Path, scores: Sequence[float], threshold: float = 0.5) -> Path:
    """Write a detector for which the first class is normal."""
    table = {"id": [f"{k:03}" for k in range(ITEMS)], "label": TRUTH, "split": "test", "anomalous": TRUTH > 0}
    table |= {"score": np.array(scores), "flagged": np.array(scores) > threshold}
    about = {"kind": "detector", "plugin": {"name": "pca"}, "classes": list(CLASSES)}
    finished(out, about, table, "scores.parquet")
    return out


def finished(out: Path, about: dict[str, Any], table: dict[str, Any], name: str = "predictions.parquet") -> None:
    (out / "model").mkdir(parents=True, exist_ok=True)
    files.write_json(out / "model" / "model.json", about)
    with files.folder(out / "evaluation") as fresh:
        files.write_json(fresh / "metrics.json", {})
        pd.DataFrame(table).sample(frac=1, random_state=0).to_parquet(fresh / name, index=False)


def paired(a: Path, b: Path) -> list[Pair]:
    return pairs(methods(str(a)), methods(str(b)), named=(str(a), str(b)))


def command(*words: object) -> int:
    return main(["compare", *map(str, words)])


def test_a_clearly_worse_result_does_not_pass_and_no_clear_difference_does_not_promote(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, out = write("a", range(30)), tmp_path / "out"
    for name, wrong, code, verdict in (
        ("worse", range(60), 1, "worse"),
        ("same", range(30), 0, "no clear difference"),
        ("other", range(2, 32), 0, "no clear difference"),
        ("better", range(5), 0, "better"),
    ):
        assert command(a, write(name, wrong), "--out", out) == code
        found = files.read_json(out / "comparison.json")
        assert found["models"][0]["metrics"]["accuracy"]["verdict"] == verdict
        assert found["promoted"] == (verdict == "better")
        assert found["models"][0]["gate"] == ["accuracy"]
        said = capsys.readouterr().out
        assert f": {verdict}\n" in said
        assert "nll" in said
    assert found["models"][0]["metrics"]["accuracy"]["gain"]["value"] == pytest.approx(25 / ITEMS)


def test_a_margin_is_a_test_of_non_inferiority(write: Write, tmp_path: Path) -> None:
    a, b, out = write("a", range(30)), write("b", range(33)), tmp_path / "out"
    verdicts = {}
    for allowed in ("-0.005", "-0.05"):
        assert command(a, b, "--allow", f"accuracy={allowed}", "--out", out) == 0
        found = files.read_json(out / "comparison.json")
        verdicts[allowed] = found["models"][0]["metrics"]["accuracy"]["verdict"], found["promoted"]
    assert verdicts == {"-0.005": ("no clear difference", False), "-0.05": ("not inferior", True)}
    assert command(a, write("c", range(60)), "--allow", "accuracy=-0.02", "--out", out) == 1


@pytest.mark.parametrize(
    ("low", "high", "allowed", "verdict"),
    [
        (0.01, 0.02, None, "better"),
        (0.01, 0.02, -0.1, "better"),
        (-0.02, -0.01, None, "worse"),
        (-0.02, -0.01, -0.05, "not inferior"),
        (-0.02, 0.01, None, "no clear difference"),
        (-0.02, 0.01, -0.01, "no clear difference"),
        (-0.08, -0.06, -0.05, "worse"),
        (-0.08, -0.02, -0.05, "no clear difference"),
    ],
)
def test_verdicts_follow_the_interval(low: float, high: float, allowed: float | None, verdict: str) -> None:
    assert judged(Difference((low + high) / 2, low, high), allowed) == verdict


def test_results_that_differ_by_chance_rarely_stop_the_gate() -> None:
    """Both make independent mistakes at the same rate: 2.5 % of comparisons may look clearly worse."""
    from darkroom.measure.intervals import paired

    draws, stopped = np.random.default_rng(0), 0
    for _ in range(200):
        a, b = (draws.random(ITEMS) < 0.9 for _ in range(2))
        stopped += judged(paired([b.astype(float) - a])) == "worse"
    assert stopped <= 200 * 0.025 + 3 * math.sqrt(200 * 0.025)


def test_several_metrics_must_all_pass(write: Write, tmp_path: Path) -> None:
    a, b, out = write("a", range(30)), write("b", range(30)), tmp_path / "out"
    table = pd.read_parquet(b / "evaluation" / "predictions.parquet")
    for k in range(3):  # as accurate, far less certain
        table[f"p_plain_{k}"] = np.where(table["prediction_plain"] == k, 0.4, 0.3)
    table.to_parquet(b / "evaluation" / "predictions.parquet", index=False)
    assert command(a, b, "--out", out) == 0
    assert command(a, b, "--metrics", "accuracy,nll", "--out", out) == 1
    assert command(a, b, "--allow", "nll=5", "--metrics", "accuracy", "--out", out) == 0
    assert not files.read_json(out / "comparison.json")["promoted"]
    assert command(a, b, "--allow", "nll=5,accuracy=-0.01", "--out", out) == 0
    assert files.read_json(out / "comparison.json")["promoted"]


def test_broken_and_fixed_images_are_listed_and_shown_by_class_and_group(write: Write, tmp_path: Path) -> None:
    a, b, out = write("a", range(0, 30)), write("b", range(20, 60)), tmp_path / "out"
    with files.folder(tmp_path / "data") as fresh:
        images = np.random.default_rng(0).integers(0, 256, (ITEMS, 8, 8, 1), dtype=np.uint8)
        np.save(fresh / "samples.npy", images)
        items = pd.DataFrame({"id": [f"{k:03}" for k in range(ITEMS)], "label": TRUTH, "split": "test", "mask": -1})
        items = items.assign(group=range(ITEMS), group_name=[("left", "right")[k % 2] for k in range(ITEMS)])
        describe_store(fresh, name="x", classes=CLASSES, items=items)
    command(a, b, "--data", tmp_path / "data", "--out", out)
    with (out / "items.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["id"] for row in rows if row["turned"] == "broken"} == {f"{k:03}" for k in range(30, 60)}
    assert {row["id"] for row in rows if row["turned"] == "fixed"} == {f"{k:03}" for k in range(20)}
    found = files.read_json(out / "comparison.json")["models"][0]
    assert [part["images"] for part in found["classes"].values()] == [100] * 3
    assert found["classes"]["cat"]["gain"]["value"] == pytest.approx(-3 / 100)
    assert list(found["groups"]) == ["left", "right"]
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "data:image/" in text
    assert "dog &lt;b&gt;" in text
    assert "<b>dog" not in text
    assert "By group" in text
    again = files.read_manifest(out)
    command(a, b, "--data", tmp_path / "data", "--out", out)
    assert files.read_manifest(out) == again


def test_seeds_are_paired_and_whole_results_by_name(write: Write, tmp_path: Path) -> None:
    for name in ("one", "two"):
        for seed in (0, 1, 2):
            write(f"{name}/classify/none/mlp", range(30 + seed), seed)
        write(f"{name}/classify/{name}/mlp", range(30))
    found = paired(tmp_path / "one/classify/none/mlp", tmp_path / "two/classify/none/mlp")
    assert [(pair.name, len(pair.seeds)) for pair in found] == [("", 3)]
    assert all(a.seed == b.seed for a, b in found[0].seeds)
    found = paired(tmp_path / "one", tmp_path / "two")
    assert [(pair.name, len(pair.seeds)) for pair in found] == [("classify/none/mlp", 3)]
    assert command(tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out") == 0
    write("three/classify/standard/mlp", range(30))
    assert [pair.name for pair in paired(tmp_path / "one/classify/none/mlp", tmp_path / "three")] == [""]


def test_metrics_are_means_over_images(write: Write, tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    unequal = np.minimum(np.arange(ITEMS) % 7, 2)
    pair = paired(*2 * [write("classes", range(40), truth=unequal)])[0]
    run = pair.seeds[0][0]
    values = {name: metric.of(run) for name, metric in metrics_of(pair).items()}
    own = pd.read_parquet(run.evaluation_folder / "predictions.parquet")
    probabilities = own.filter(regex="^p_").to_numpy()
    assert values["accuracy"] == pytest.approx(1 - 40 / ITEMS)
    balanced = balanced_accuracy_score(own["label"], own["prediction_plain"])
    assert values["balanced_accuracy"] == pytest.approx(balanced) != pytest.approx(values["accuracy"])
    assert values["nll"] == pytest.approx(log_loss(own["label"], probabilities))
    assert values["brier"] == pytest.approx(brier_score_loss(own["label"], probabilities, scale_by_half=False))
    truth, called = draws.random((2, 50, 3)) < 0.5
    names = {"kind": "network", "plugin": {"name": "mlp"}, "classes": []}
    table = {"id": [f"{k}" for k in range(50)]}
    table |= {f"true_{k}": truth[:, k] for k in range(3)} | {f"prediction_plain_{k}": called[:, k] for k in range(3)}
    table |= {f"p_plain_{k}": np.where(called[:, k], 0.9, 0.2) for k in range(3)}
    finished(tmp_path / "labels", names | {"target": {"kind": "labels", "names": list("abc")}}, table)
    pair = paired(tmp_path / "labels", tmp_path / "labels")[0]
    run = pair.seeds[0][0]
    values = {name: metric.of(run) for name, metric in metrics_of(pair).items()}
    assert values["image_f1"] == pytest.approx(f1_score(truth, called, average="samples", zero_division=1))
    assert values["exact_match"] == pytest.approx((truth == called).all(1).mean())
    assert values["brier"] == pytest.approx((np.where(called, 0.9, 0.2) - truth).__pow__(2).sum(1).mean())
    numbers, predicted = draws.normal(size=(2, 50, 2))
    table = {"id": [f"{k}" for k in range(50)]}
    table |= {f"true_{k}": numbers[:, k] for k in range(2)} | {
        f"prediction_plain_{k}": predicted[:, k] for k in range(2)
    }
    finished(tmp_path / "numbers", names | {"target": {"kind": "numbers", "names": ["x", "y"]}}, table)
    pair = paired(tmp_path / "numbers", tmp_path / "numbers")[0]
    values = {name: metric.of(pair.seeds[0][0]) for name, metric in metrics_of(pair).items()}
    mae = np.abs(numbers - predicted).mean(0)
    assert (values["mae/x"], values["mae/y"]) == (pytest.approx(mae[0]), pytest.approx(mae[1]))
    assert values["standardized_mae"] == pytest.approx((mae / numbers.std(0)).mean())
    for kind in ("labels", "numbers"):
        assert command(tmp_path / kind, tmp_path / kind, "--out", tmp_path / f"{kind}-out") == 0


def test_detectors_are_compared_by_scores_and_flags(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    noise = draws.normal(size=ITEMS)
    for name, signal in (("a", 0.5), ("b", 2.0)):
        scores = noise + signal * (TRUTH > 0)
        anomalies(tmp_path / name / "results/x/detect/normal/pca/seed-0", scores.tolist(), threshold=1)
    a, b = (tmp_path / name / "results/x" for name in "ab")
    assert command(a, b, "--out", tmp_path / "out") == 0
    assert command(b, a, "--out", tmp_path / "back") == 1
    found = files.read_json(tmp_path / "out/comparison.json")
    assert found["promoted"]
    (one,) = found["models"]
    assert (one["name"], one["gate"]) == ("detect/normal/pca", ["auroc"])
    for side, signal in (("a", 0.5), ("b", 2.0)):
        scores = noise + signal * (TRUTH > 0)
        values = {name: each[side] for name, each in one["metrics"].items()}
        assert values["auroc"] == pytest.approx(roc_auc_score(TRUTH > 0, scores))
        assert values["detection_rate"] == pytest.approx((scores > 1)[TRUTH > 0].mean())
        assert values["false_alarm_rate"] == pytest.approx((scores > 1)[TRUTH == 0].mean())
    assert one["metrics"]["false_alarm_rate"]["gain"]["value"] == 0
    dogs = (noise + 2 > 1)[TRUTH == 1].mean() - (noise + 0.5 > 1)[TRUTH == 1].mean()
    assert one["classes"][CLASSES[1]]["gain"]["value"] == pytest.approx(dogs)


def test_runs_and_commits_are_found_in_mlflow_and_the_comparison_goes_there(
    write: Write, tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs of an earlier commit are found after others replaced them."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{shutil.copy(tables, tmp_path / 'mlflow.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client, commits, runs = MlflowClient(uri), [], []
    experiment = client.create_experiment("x", (tmp_path / "results/mlartifacts/x").as_uri())
    subprocess.run(["git", "init", "-q"], check=True)
    for name, wrong in (("old", range(60)), ("new", range(20))):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, "commit", "-qm", name, "--allow-empty"], check=True)
        commits.append(subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout)
        folder = write(name, wrong)
        train, evaluation = (client.create_run(experiment).info.run_id for _ in range(2))
        client.log_artifacts(train, str(folder / "model"))
        client.log_artifacts(evaluation, str(folder / "evaluation"))
        tags = {"stage": "classify evaluate", "job": "results/x/classify/none/mlp/seed-0/evaluation", "dataset": "x"}
        for key, value in (tags | {"built_from.model": train, "commit": commits[-1].strip(), "seed": "0"}).items():
            client.set_tag(evaluation, key, value)
        client.set_terminated(evaluation)
        runs.append(evaluation)
    client.delete_run(runs[0])
    for a, b in ((f"runs:/{runs[0]}", f"runs:/{runs[1]}"), (commits[0].strip()[:9], "HEAD"), ("HEAD~1:x", "HEAD:x")):
        assert command(a, b, "--out", "out") == 0
        (one,) = files.read_json(tmp_path / "out/comparison.json")["models"]
        assert one["metrics"]["accuracy"]["gain"]["value"] == pytest.approx(40 / ITEMS)
    assert spool.sync(patience=600) == []
    written = client.search_runs([experiment], "tags.stage = 'compare'")
    assert len(written) == 1
    assert written[0].data.metrics["gain/accuracy"] == pytest.approx(40 / ITEMS)
    assert written[0].data.metrics["promoted"] == 1
    assert "index.html" in {each.path for each in client.list_artifacts(written[0].info.run_id)}


def test_what_cannot_be_compared_ends_in_one_line_and_writes_nothing(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/missing.db")
    a, other = write("a", range(30)), write("other", range(3), truth=(TRUTH + 1) % 3)
    half = write("half", range(3))
    (half / "evaluation" / files.MANIFEST).unlink()
    short = write("short", range(3))
    table = pd.read_parquet(short / "evaluation" / "predictions.parquet")
    table[:-7].to_parquet(short / "evaluation" / "predictions.parquet", index=False)
    detector, generator = anomalies(tmp_path / "detector", [0.5] * ITEMS), write("generator", range(3))
    files.write_json(
        generator / "model/model.json", {"kind": "generator", "plugin": {"name": "vae"}, "classes": list(CLASSES)}
    )
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for name, text in {"list": "- a", "nothing": "", "broken": "name: [a\n"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    for words, given in {
        "disagree on the truth of 300 test images": (a, other),
        "is not a finished model": (a, half),
        "7 of them in only one": (a, short),
        "have different outputs: class; anomalies": (a, detector),
        "holds a generator; classifiers and detectors can": (a, generator),
        "has no evaluated classifier or detector": (a, mine),
        'there is no result "nowhere"; expected a folder': (a, "nowhere"),
        "list.yaml is no config of Darkroom: it has no key `name`": (a, tmp_path / "list.yaml"),
        "nothing.yaml is no config of Darkroom": (a, tmp_path / "nothing.yaml"),
        "broken.yaml is not valid YAML": (a, tmp_path / "broken.yaml"),
        "there is no MLflow database": (a, "runs:/abc"),
        "is not a result of compare": (a, a, "--out", mine),
        "overlaps with": (a, a, "--out", a / "x"),
        f"--data is {mine}; expected the folder that": (a, a, "--data", mine),
        "no metric of --allow": (a, a, "--allow", "acuracy=-0.01"),
        "expected a change for the worse": (a, a, "--allow", "accuracy=0.01"),
        "such as nll=0.01": (a, a, "--allow", "nll=-0.01"),
        "no metric of --metrics": (a, a, "--metrics", "f1"),
    }.items():
        more = () if "--out" in given else ("--out", tmp_path / "out")
        assert command(*given, *more) == 1, words
        said = capsys.readouterr().err
        assert re.search(re.escape(words), said), said
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "missing.db").exists()
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
