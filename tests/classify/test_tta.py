"""Looks are merged into probabilities, weights come from validation alone, and every turned item is listed."""

from __future__ import annotations

import typing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from darkroom import files, registry
from darkroom.classify import evaluate, train
from darkroom.classify.calibration import log_softmax
from darkroom.classify.config import EvaluateSpec, Merge, TrainSpec
from darkroom.classify.evaluation import one_class
from darkroom.classify.figures import draw_turned
from darkroom.classify.tta import all_logits, fit_weights, look_names, merge, plain_logits, turned
from darkroom.data.store import Store, describe_store, labeled, open_store
from darkroom.log import silent

MERGES = typing.get_args(Merge)
NASTY = ('a,"b', "x\ry", "=1+1", "日本", "e")


def looks_at(labels: np.ndarray, informed: tuple[float, ...], classes: int = 4, seed: int = 0) -> np.ndarray:
    """Logits (N, V, K): look v knows the label as well as `informed[v]` says."""
    noise = np.random.default_rng(seed).normal(size=(len(labels), len(informed), classes))
    truth = np.eye(classes)[labels][:, None] * np.array(informed)[:, None]
    return (truth + noise).astype(np.float32)


def nll(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> float:
    return float(-merge(logits, "learned", weights)[np.arange(len(labels)), labels].mean())


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, 400)


@pytest.mark.parametrize("how", MERGES)
@pytest.mark.parametrize("scale", [1, 300])
def test_merged_probabilities_sum_to_one_and_stay_finite(how: Merge, scale: int, labels: np.ndarray) -> None:
    merged = merge(scale * looks_at(labels, (1, 2, 0)), how)
    assert merged.dtype == np.float64
    assert np.isfinite(merged).all()
    assert np.allclose(np.exp(merged).sum(1), 1)


@pytest.mark.parametrize("how", MERGES)
def test_looks_that_agree_are_merged_into_what_they_say(how: Merge, labels: np.ndarray) -> None:
    one = looks_at(labels, (1,))
    assert np.allclose(merge(one.repeat(3, axis=1), how), log_softmax(one[:, 0].astype(float)), atol=1e-6)


@pytest.mark.parametrize("how", MERGES)
def test_the_order_of_the_looks_does_not_matter(how: Merge, labels: np.ndarray) -> None:
    logits = looks_at(labels, (1, 2, 0, 3))
    assert np.allclose(merge(logits, how), merge(logits[:, ::-1], how))


def test_merges_are_what_they_are_called(labels: np.ndarray) -> None:
    logits = looks_at(labels, (1, 2, 0))
    p = torch.from_numpy(logits).double().softmax(2).numpy()
    for how, expected in (("mean", p.mean(1)), ("max", p.max(1)), ("geometric_mean", p.prod(1) ** (1 / 3))):
        assert np.allclose(np.exp(merge(logits, how)), expected / expected.sum(1, keepdims=True))
    weights = np.array([0.2, 0.8, 0])
    assert np.allclose(np.exp(merge(logits, "learned", weights)), (p * weights[:, None]).sum(1))


def test_the_only_look_that_knows_gets_nearly_all_the_weight(labels: np.ndarray) -> None:
    weights = fit_weights(looks_at(labels, (0, 6, 0)), labels)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights[1] > 0.95


@pytest.mark.parametrize("seed", range(5))
def test_learned_weights_are_the_best_there_are(seed: int, labels: np.ndarray) -> None:
    logits = looks_at(labels, tuple(np.random.default_rng(seed).uniform(0, 4, 6)), seed=seed)
    weights = fit_weights(logits, labels)
    least = nll(logits, labels, weights)
    others = np.random.default_rng(seed).dirichlet(np.full(6, 0.3), 200)
    assert least <= nll(logits, labels, None)
    assert all(least <= nll(logits, labels, other) + 1e-6 for other in [*others, *np.eye(6)])


def test_weights_are_the_same_in_any_order_of_the_items(labels: np.ndarray) -> None:
    logits = looks_at(labels, (1, 2, 3))
    order = np.random.default_rng(0).permutation(len(labels))
    assert np.array_equal(fit_weights(logits, labels), fit_weights(logits[order], labels[order]))


def test_weights_outlast_looks_that_are_surely_wrong(labels: np.ndarray) -> None:
    logits = 3000 * looks_at(labels, (1, 2, 0))  # probabilities that are 0 in any float
    weights = fit_weights(logits, labels)
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1)


def test_without_items_the_weights_are_equal() -> None:
    assert fit_weights(np.empty((0, 4, 3), np.float32), np.empty(0, np.int64)).tolist() == [0.25] * 4


def test_every_look_has_a_name_of_its_own() -> None:
    specs = [registry.options("view", name)() for name in registry.taking("view", "image")]
    specs.append(registry.options("view", "shift")(pixels=2))
    views = [registry.build(spec) for spec in specs]
    names = look_names(views, [spec.name for spec in specs])
    assert len(set(names)) == len(names)
    assert {"plain", "hflip: mirrored", "shift 1: left", "shift 2: left", "ten_crop: center, mirrored"} <= set(names)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(81, 3))
    images = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    logits = all_logits(network, views, images)
    assert logits.shape == (2, len(names), 3)
    assert torch.equal(logits[:, 0], plain_logits(network, images))
    mirrored = logits[:, names.index("hflip: mirrored")]
    assert torch.allclose(mirrored, plain_logits(network, images.flip(-1)))


# the stage


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tta") / "model"
    spec = {"network": "mlp", "training": {"epochs": 2, "batch_size": 64}, "seed": 0}
    train.run(TrainSpec.model_validate(spec), data=digits, out=out, log=silent)
    return out


def evaluated(data: Path, model: Path, out: Path, merge: str, *views: str) -> Path:
    spec = {"network": "mlp", "tta": list(views), "tta_merge": merge, "resamples": 20, "seed": 0}
    evaluate.run(EvaluateSpec.model_validate(spec), data=data, model=model, out=out, log=silent)
    return out


def changed(store: Store, out: Path, classes: tuple[str, ...] | None = None, **columns: object) -> Path:
    """The store with other columns."""
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples))
        describe_store(fresh, name="x", classes=classes or store.classes, items=store.items.assign(**columns))
    return out


@pytest.mark.parametrize("how", ["max", "learned"])
def test_what_views_fixed_and_broke_is_counted_and_listed(how: str, model: Path, digits: Path, tmp_path: Path) -> None:
    out = evaluated(digits, model, tmp_path / "out", how, "shift", "hflip")
    found, times = files.read_json(out / "metrics.json"), files.read_json(out / files.TIMING)
    tta, items = found["tta"], found["items"]
    table = pd.read_csv(out / "tta.csv", dtype={"label": str, "plain": str, "tta": str})
    counts = {name: found["views"][name]["raw"]["accuracy"]["value"] * items for name in ("plain", "tta")}
    assert tta["fixed"] - tta["broken"] == round(counts["tta"] - counts["plain"])
    assert table["turned"].tolist() == ["fixed"] * tta["fixed"] + ["broken"] * tta["broken"]
    assert (table["label"] == table["tta"].where(table["turned"] == "fixed", table["plain"])).all()
    assert (table["plain"] != table["tta"]).all()
    assert table["plain_confidence"].between(0, 1).all()
    assert (out / "tta.png").exists() == (len(table) > 0)
    assert tta["merge"] == how
    assert [(view["name"], view["looks"]) for view in tta["views"]] == [("shift", 4), ("hflip", 1)]
    assert len(tta["looks"]) == 6
    assert ("weights" in tta) == (how == "learned")
    assert times["ms_per_image"].keys() == {"plain", "tta"}
    if how == "learned":
        again = evaluated(digits, model, tmp_path / "again", how, "shift", "hflip")
        assert files.read_manifest(out) == files.read_manifest(again)


def test_the_test_split_has_no_say_in_the_weights(model: Path, digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    before = files.read_json(evaluated(digits, model, tmp_path / "a", "learned", "shift") / "metrics.json")["tta"]
    assert before["weights"].keys() == set(before["looks"])
    assert sum(before["weights"].values()) == pytest.approx(1)
    for split, same in (("test", True), ("val", False)):
        other = np.where(store.items["split"] == split, (store.labels + 1) % 10, store.labels)
        data = changed(store, tmp_path / split, label=other)
        after = files.read_json(evaluated(data, model, tmp_path / f"{split}-out", "learned", "shift") / "metrics.json")
        assert (after["tta"]["weights"] == before["weights"]) == same


def test_without_validation_images_weights_are_equal_and_that_is_said(
    model: Path, digits: Path, tmp_path: Path
) -> None:
    store = open_store(digits)
    data = changed(store, tmp_path / "data", split=store.items["split"].replace("val", "train"))
    assert not len(labeled(open_store(data), "val"))
    found = files.read_json(evaluated(data, model, tmp_path / "out", "learned", "shift") / "metrics.json")["tta"]
    assert set(found["weights"].values()) == {0.2}
    assert found["note"] == one_class.NO_VALIDATION


def test_without_views_nothing_is_merged(model: Path, digits: Path, tmp_path: Path) -> None:
    out = evaluated(digits, model, tmp_path / "out", "learned")
    assert "tta" not in files.read_json(out / "metrics.json")
    assert not (out / "tta.csv").exists()


@pytest.mark.training
def test_the_list_can_be_read_whatever_the_names(model: Path, digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    names = (*NASTY, *(f"{name}{name}" for name in NASTY))
    ids = [f"{NASTY[n % 5]}/{n}" for n in range(len(store.items))]
    data = changed(store, tmp_path / "data", classes=names, id=ids)
    out = evaluated(data, model, tmp_path / "out", "mean", "hflip")
    with (out / "tta.csv").open(encoding="utf-8", newline="") as stream:
        table = pd.read_csv(stream, dtype=str, keep_default_na=False)
    assert len(table) == sum(files.read_json(out / "metrics.json")["tta"][kind] for kind in ("fixed", "broken")) > 5
    assert set(table["id"]) <= set(ids)
    assert set(table["label"]) | set(table["plain"]) | set(table["tta"]) <= set(names)


@pytest.mark.parametrize(("fixed", "broken", "channels"), [(1, 0, 1), (0, 2, 3), (30, 1, 1)])
def test_what_turned_is_drawn(fixed: int, broken: int, channels: int, tmp_path: Path) -> None:
    count = fixed + broken + 3
    answers = np.array([[1, 0]] * fixed + [[0, 1]] * broken + [[0, 0], [1, 1], [2, 2]])
    table = pd.DataFrame({"id": [str(n) for n in range(count)], "label": 0, "confidence_plain": 0.5})
    table = table.assign(confidence_tta=0.6, prediction_plain=answers[:, 0], prediction_tta=answers[:, 1])
    found = turned(table, ("cat", "a very long class name of many words", "c"))
    assert found.index.tolist() == list(range(fixed + broken))
    images = np.random.default_rng(0).integers(0, 256, (2 * count, 9, 14, channels), np.uint8)
    draw_turned(found, images, np.arange(count) * 2, tmp_path / "tta.png")
    assert Image.open(tmp_path / "tta.png").width > 300
