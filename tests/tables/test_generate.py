"""Generators of rows through their stages: what they learn, what they cost in privacy, and what they write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom import files, registry
from darkroom.data.store import open_store
from darkroom.fit.untrained import standardize
from darkroom.generate import evaluate, judge, sample, synthesize, train
from darkroom.generate.config import EvaluateSpec, JudgeSpec, SynthesizeSpec, TrainSpec
from darkroom.generate.model import FittedGenerator, GenerativeModel, read_generator
from darkroom.log import silent
from darkroom.report.results import Method, Run
from darkroom.report.sections.generate import rows as of_rows
from darkroom.report.sections.generate import section as of_images

from .conftest import frame, through

JUDGE: dict[str, Any] = {"network": "logistic_regression", "online": []}
NAMES = ("gaussian_copula", "tvae")
TRAINING = {"epochs": 25, "batch_size": 16, "optimizer": {"lr": 0.005}}


def trained(name: str, data: Path, out: Path, **options: Any) -> Path:
    raw = {"generator": {"name": name, **options}, "training": TRAINING, "snapshots": None, "seed": 0}
    train.run(TrainSpec.model_validate(raw), data=data, out=out, log=silent)
    return out


@pytest.fixture(scope="module")
def judged(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the judge of the prepared table."""
    out = tmp_path_factory.mktemp("judge") / "judge"
    judge.run(JudgeSpec.model_validate(JUDGE), data=prepared, out=out, log=silent)
    return out


@pytest.fixture(scope="module")
def models(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a trained generator of the prepared table."""
    root = tmp_path_factory.mktemp("models")
    return lambda name: root / name if (root / name).exists() else trained(name, prepared, root / name)


def measured(name: str, data: Path, model: Path, judge: Path, out: Path) -> dict[str, Any]:
    raw = {"evaluation": "table", "again": JUDGE, "generator": name, "judge": JUDGE["network"], "backbone": None}
    spec = EvaluateSpec.model_validate({**raw, "samples": 500, "steps": [], "seed": 0})
    evaluate.run(spec, data=data, model=model, judge=judge, out=out, log=silent)
    found: dict[str, Any] = files.read_json(out / "metrics.json")
    return found


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_samples_teach_the_classes_and_are_no_copies(
    name: str, prepared: Path, judged: Path, models: Callable[[str], Path], tmp_path: Path
) -> None:
    found = measured(name, prepared, models(name), judged, tmp_path / "found")
    real, ratio = found["utility"]["real"]["macro_auroc"], found["utility"]["ratio"]["macro_auroc"]
    assert real["value"] > 0.9
    assert 0.8 < ratio["value"] < 1.1
    assert ratio["low"] <= ratio["value"] <= ratio["high"]
    assert found["memorization"]["near_copies"]["value"] < 0.1
    assert found["memorization"]["equal"] == {"samples": 0, "held_out": 0}
    assert found["columns"]["mean"] < 0.25
    table = pd.read_parquet(tmp_path / "found" / "samples.parquet")
    assert list(table.columns) == ["length", "weight", "color", "made", "class", "nearest", "distance", "ratio"]
    assert table["distance"].min() > 0


def test_a_generator_that_repeats_training_rows_is_caught(prepared: Path, judged: Path, tmp_path: Path) -> None:
    store = open_store(prepared)
    rows = store.rows("train")

    class Copier(GenerativeModel):
        classes = 2

        def task(self, training: Any) -> Any: ...

        def sample(self, labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            chosen = [
                np.random.default_rng(k).choice(rows[store.labels[rows] == label]) for k, label in enumerate(labels)
            ]
            return torch.from_numpy(store.samples[np.array(chosen)])

    model = trained("gaussian_copula", prepared, tmp_path / "model")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("darkroom.generate.evaluation.rows.read_generator", lambda *_: Copier())
        found = measured("gaussian_copula", prepared, model, judged, tmp_path / "found")
    assert found["memorization"]["equal"] == {"samples": 1, "held_out": 0}
    assert found["memorization"]["near_copies"]["value"] == 1


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_a_generator_sees_training_rows_alone(name: str, tmp_path: Path) -> None:
    table = frame(300).assign(split=np.resize(["train", "train", "val", "test"], 300))
    other = table.copy()
    held_out = other["split"] != "train"
    other.loc[held_out, "length"] = np.arange(held_out.sum()) * 1000.0
    other.loc[held_out, "color"] = "green"
    weights = []
    for folder, data in (("a", table), ("b", other)):
        (tmp_path / folder).mkdir()
        data.to_csv(tmp_path / folder / "parts.csv", index=False)
        prepared = through(tmp_path / folder / "parts.csv", tmp_path / folder, split_column="split")
        weights.append(read_generator(trained(name, prepared, tmp_path / folder / "model")).state_dict())
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


@pytest.mark.parametrize("name", NAMES)
def test_a_sampled_table_has_the_columns_of_the_data_and_can_be_read_again(
    name: str, models: Callable[[str], Path], tmp_path: Path
) -> None:
    for out in ("one", "again"):
        sample.run(model=models(name), classes="bad", n=30, seed=1, out=tmp_path / out)
    assert (tmp_path / "one" / "samples.csv").read_bytes() == (tmp_path / "again" / "samples.csv").read_bytes()
    found = pd.read_csv(tmp_path / "one" / "samples.csv")
    assert list(found.columns) == ["length", "weight", "color", "made", "class"]
    assert set(found["class"]) == {"bad"}
    assert set(found["color"]) <= {"red", "blue"}
    assert found["made"].between("2026-01-01", "2026-10-31").all()
    sample.run(model=models(name), n=200, out=tmp_path / "both")
    store = open_store(through(tmp_path / "both" / "samples.csv", tmp_path))
    assert store.shape == (0, 0, 2, 0)
    assert store.classes == ("bad", "good")


def test_rare_classes_are_filled_up(
    prepared: Path, judged: Path, models: Callable[[str], Path], tmp_path: Path
) -> None:
    store = open_store(prepared)
    counts = np.bincount(store.labels[store.rows("train")])
    raw = {"drawn": "table", "generator": "gaussian_copula", "judge": JUDGE["network"], "synthetic": {"model": "c"}}
    spec = SynthesizeSpec.model_validate(raw)
    synthesize.run(
        spec, data=prepared, model=models("gaussian_copula"), judge=judged, out=tmp_path / "made", log=silent
    )
    made = open_store(tmp_path / "made")
    assert (made.kind, made.shape) == ("table", store.shape)
    assert made.items["label"].tolist() == [store.classes.index("bad")] * (counts.max() - counts.min())
    assert made.samples.dtype == np.float32
    assert set(made.items["parent"]) <= set(store.items["id"][store.rows("train")])


@pytest.mark.training
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", NAMES)
def test_rows_repeat_with_their_seed_and_are_cells_of_the_table(name: str, classes: int, tmp_path: Path) -> None:
    assert set(registry.taking("generator", "table")) == set(NAMES)
    draws = np.random.default_rng(0)
    rows = np.column_stack([draws.normal(size=90), draws.integers(0, 5, 90), draws.integers(0, 3, 90)]).astype(
        np.float32
    )
    rows[::7, 0], rows[::5, 2] = np.nan, np.nan
    torch.manual_seed(0)
    model: GenerativeModel = registry.load("generator", name)((0, 0, 3), classes)
    if isinstance(model, FittedGenerator):
        model.fit(rows, np.arange(90) % 3)
    else:
        standardize(model, rows, np.arange(90))
    labels = torch.arange(400) % max(1, classes)
    first, again, other = (model.sample(labels, torch.Generator().manual_seed(seed)).detach() for seed in (1, 1, 2))
    assert first.dtype == torch.float32
    assert torch.equal(first.nan_to_num(-1), again.nan_to_num(-1))
    assert not torch.equal(first.nan_to_num(-1), other.nan_to_num(-1))
    assert set(first[:, 1].tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    assert set(first[:, 2].nan_to_num(-1).tolist()) == {-1.0, 0.0, 1.0, 2.0}
    assert first[:, 0].isnan().any()
    assert np.nanmin(rows[:, 0]) <= np.nanmin(first[:, 0])
    assert np.nanmax(first[:, 0]) <= np.nanmax(rows[:, 0])


def test_the_page_shows_generators_of_rows_in_words_of_tables(
    prepared: Path, judged: Path, models: Callable[[str], Path], tmp_path: Path
) -> None:
    model = models("gaussian_copula")
    metrics = measured("gaussian_copula", prepared, model, judged, tmp_path / "found")
    times = files.read_json(tmp_path / "found" / "timing.json")
    run = Run(model, tmp_path / "found", 0, files.read_json(model / "model.json"), metrics, times, times)
    results: Any = SimpleNamespace(generators=[Method(("gaussian_copula",), (run,))])
    assert of_images.read(results) is None
    found = of_rows.read(results)
    assert found is not None
    assert found.utility is not None
    assert [row.title for row in found.utility.rows] == ["real rows", "gaussian_copula"]
    answer = of_rows.answer(found)
    assert re.search(r"reaches <b>\d\.\d\d×</b> the average precision that real rows give", str(answer.headline))
    (tile,) = answer.tiles
    assert re.fullmatch(r"\d\.\d\d×", tile.value)
    assert "relative to" in tile.label
    assert found.cost.rows[0].cells[0].main == "–"  # fitted without parameters
    assert [figure.path.name for _, figures in found.figures for figure in figures] == ["marginals.png"]


@pytest.mark.parametrize("changed", ["one class", "no label"])
def test_without_classes_to_learn_rows_are_generated_and_utility_says_why_it_is_missing(
    changed: str, tmp_path: Path
) -> None:
    data = frame(200)
    data["class"] = "good" if changed == "one class" else None
    data.to_csv(tmp_path / "parts.csv", index=False)
    prepared = through(tmp_path / "parts.csv", tmp_path)
    model = trained("gaussian_copula", prepared, tmp_path / "model")
    judge.run(JudgeSpec.model_validate(JUDGE), data=prepared, out=tmp_path / "judge", log=silent)
    found = measured("gaussian_copula", prepared, model, tmp_path / "judge", tmp_path / "found")
    assert found["utility"]["value"] is None
    assert "nothing to classify" in found["utility"]["reason"]
    assert found["memorization"]["near_copies"]["value"] < 0.2
