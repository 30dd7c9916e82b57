"""Semi-supervised classifiers through the stage `classify train`, on digits with few labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom import files, registry
from darkroom.augment.config import OnlineSpec
from darkroom.classify import lr_range, share, train
from darkroom.classify.config import TrainSpec
from darkroom.classify.semi.batches import SemiBatches
from darkroom.classify.tuning.config import ShareSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit import trainer
from darkroom.fit.batches import training_batches
from darkroom.fit.model import HISTORY, WEIGHTS
from darkroom.job.stage import fields
from darkroom.log import silent

Few = Callable[..., Path]
NAMES = list(registry.entries("semi-supervised method"))


def spec(semi: Any, **more: Any) -> TrainSpec:
    training = {"epochs": 2, "batch_size": 128, "precision": "fp32", **more.pop("training", {})}
    return TrainSpec.model_validate({"network": "mlp", "training": training, "seed": 0, "semi": semi, **more})


def batches(store: Any, *, views: int, ratio: float, batch_size: int = 120) -> SemiBatches:
    rows, split = labeled(store, "train"), store.rows("train")
    known = training_batches(store, rows, None, batch_size=batch_size, seed=0)
    without = split[store.labels[split] < 0]
    return SemiBatches(known, without, np.full(len(without), -1), views=views, ratio=ratio)


@pytest.mark.parametrize("name", NAMES)
def test_hidden_labels_are_counted_but_never_learned(name: str, few: Few, tmp_path: Path) -> None:
    stores = {
        "none": few("none"),
        "true": few("true", shown=lambda hidden: hidden),
        "wrong": few("wrong", shown=lambda hidden: np.where(hidden >= 0, (hidden + 1) % 10, -1)),
    }
    for made, data in stores.items():
        options = {"threshold": 0.2} if name in ("fixmatch", "pseudo_label") else {}
        train.run(spec({"name": name, **options}), data=data, out=tmp_path / "out" / made, log=silent)
    written = {made: files.read_manifest(tmp_path / "out" / made) for made in stores}
    assert len({manifest[WEIGHTS] for manifest in written.values()}) == 1
    right, wrong = (pd.read_csv(tmp_path / "out" / made / HISTORY) for made in ("true", "wrong"))
    assert "train_pseudo_accuracy" not in pd.read_csv(tmp_path / "out" / "none" / HISTORY)
    assert right["train_pseudo_accuracy"].iloc[-1] > wrong["train_pseudo_accuracy"].iloc[-1]
    columns = [column for column in right if column not in ("train_pseudo_accuracy", "train_pseudo_known")]
    pd.testing.assert_frame_equal(right[columns], wrong[columns])


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_run_resumes_bit_for_bit(
    name: str, few: Few, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, wanted = few(), spec(name, training={"epochs": 3})
    train.run(wanted, data=data, out=tmp_path / "whole", log=silent)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def interrupted(values: Any, step: int | None = None) -> None:
        if "train/learning_rate" in values and (tmp_path / "checkpoints").exists():
            raise KeyboardInterrupt

    kept = {"data": data, "out": tmp_path / "resumed", "checkpoints": tmp_path / "checkpoints"}
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train.run(wanted, log=interrupted, **kept)
    train.run(wanted, log=silent, **kept)
    assert files.read_manifest(tmp_path / "whole") == files.read_manifest(tmp_path / "resumed")


@pytest.mark.parametrize("name", NAMES)
def test_a_mean_teacher_saves_its_average_and_others_the_network(name: str, few: Few, tmp_path: Path) -> None:
    store = open_store(few())
    wanted, rows = spec(name), labeled(store, "train")
    network, way = train.start(wanted, store, rows)
    task, _ = train.prepare(wanted, network, way, store, rows, None)
    assert (task.average is not None) == (name == "mean_teacher")


@pytest.mark.parametrize(("views", "ratio"), [(1, 7.0), (2, 7.0), (2, 1.0), (4, 1.0), (2, 0.5)])
def test_an_epoch_costs_what_supervised_training_on_all_images_would(views: int, ratio: float, few: Few) -> None:
    for count in (4, 70):
        store = open_store(few(f"{count}", count))
        made, images = batches(store, views=views, ratio=ratio), len(store.rows("train"))
        seen = [labels for _, labels in made]
        labels = torch.cat(seen)
        cost = int((labels >= 0).sum()) + views * int((labels < 0).sum())
        assert 0.75 * images < cost <= images
        assert all(int((each >= 0).sum()) + views * int((each < 0).sum()) <= 120 for each in seen)
        assert all(bool((each[: int((each >= 0).sum())] >= 0).all()) for each in seen)


def test_batches_show_every_image_in_turn(few: Few) -> None:
    store = open_store(few())
    made = batches(store, views=2, ratio=7.0)
    order, rows = made.draw()
    known = order < made.known
    counts = np.bincount(order[known], minlength=made.known)
    assert counts.max() - counts.min() <= 1
    assert len(set(order[~known])) == (~known).sum()
    assert np.array_equal(store.labels[rows][known], made.labels[order[known]])
    assert (store.labels[rows][~known] == -1).all()
    again, _ = made.draw()
    made.epoch = 1
    other, _ = made.draw()
    assert np.array_equal(order, again)
    assert not np.array_equal(order, other)


def test_what_cannot_be_learned_fails_before_training(few: Few, digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"all 1439 of digits have one; hide some with data\.labels, .*unlabeled/"):
        train.run(spec("fixmatch"), data=digits, out=tmp_path / "out", log=silent)
    data = few()
    items = pd.read_parquet(data / "items.parquet")
    items.loc[(items["split"] == "train") & (items["label"] == 7), "label"] = -1
    items.to_parquet(data / "items.parquet", index=False)
    with pytest.raises(ValueError, match=r"digits has none of \"?7\"?; label one"):
        train.run(spec("fixmatch"), data=data, out=tmp_path / "out", log=silent)


def test_a_share_of_the_labels_trains_for_as_many_steps(few: Few, tmp_path: Path) -> None:
    half = ShareSpec(**fields(spec("fixmatch")), share=0.5)
    share.run(half, data=few(count=20), out=tmp_path / "out", log=silent)
    assert files.read_json(tmp_path / "out" / "share.json")["epochs"] == 2


def test_a_range_test_finds_a_rate_for_both_losses(few: Few, tmp_path: Path) -> None:
    lr_range.run(spec("fixmatch"), data=few(), out=tmp_path / "out", log=silent)
    assert 1e-6 < files.read_json(tmp_path / "out" / "lr_range.json")["lr"] < 10


@pytest.mark.parametrize(
    ("policy", "base"),
    [([], "weak"), ([{"name": "vflip", "p": 1}, {"name": "mixup", "p": 1}], "policy")],
    ids=["no policy", "a policy"],
)
def test_the_strong_view_follows_the_weak_one_which_is_the_policys_without_mixing(
    policy: list[Any], base: str, few: Few
) -> None:
    method = registry.build(
        registry.options("semi-supervised method", "fixmatch").model_validate(
            {"name": "fixmatch", "weak": [{"name": "hflip", "p": 1}], "strong": [{"name": "vflip", "p": 1}]}
        )
    )
    store = open_store(few())
    rows = labeled(store, "train")
    known = training_batches(store, rows, None, batch_size=50, seed=0)
    method.begin(store, rows, known, OnlineSpec.model_validate({"online": policy}))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    flipped = images.flip(-1 if base == "weak" else -2)
    for look, wanted in {"weak": flipped, "strong": flipped.flip(-2)}.items():
        (view,) = method.made[look](images, torch.Generator().manual_seed(1))
        torch.testing.assert_close(view, wanted)


def test_a_batch_has_no_more_unlabeled_images_per_labeled_one_than_the_split(few: Few) -> None:
    store = open_store(few(count=100))
    rows = labeled(store, "train")
    without = np.setdiff1d(store.rows("train"), rows)
    first, second = batches(store, views=1, ratio=7).parts
    assert second / first == pytest.approx(len(without) / len(rows), rel=0.05)
