"""Every objective trains every kind of network, without labels and without images of other splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.pretrain.small import NETWORKS, pretrain, spec, subset, written

from darkroom import files, registry
from darkroom.data.store import open_store
from darkroom.fit import trainer
from darkroom.log import silent
from darkroom.nets.backbone import Backbone
from darkroom.nets.pretrained import own
from darkroom.pretrain import baselines
from darkroom.pretrain.config import BaselinesSpec
from darkroom.pretrain.watch import collapsed

OBJECTIVES = tuple(registry.entries("objective"))


@pytest.fixture(scope="module")
def data(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return subset(digits, tmp_path_factory.mktemp("pretrain") / "data")


@pytest.mark.parametrize(
    ("objective", "network"),
    [*((name, "resnet") for name in OBJECTIVES), ("dino", "vit"), ("masked_autoencoder", "vit"), ("simclr", "cnn")],
)
def test_every_objective_trains_a_network_that_loads_as_a_backbone(
    objective: str, network: str, data: Path, tmp_path: Path
) -> None:
    folder = pretrain(data, tmp_path / "out", spec(objective, network, epochs=1))
    store, about = open_store(data), files.read_json(folder / "model.json")
    backbone = Backbone(own(about["plugin"], about["shape"]), weights=folder / "weights.pt")
    features = backbone.features(torch.rand(3, *store.shape))
    assert features.shape == (3, backbone.features_size)
    assert features.isfinite().all()
    assert [found.shape[1] for found in backbone.maps(torch.rand(2, *store.shape), [backbone.levels - 1])] == [
        backbone.features_size
    ]
    found = files.read_json(folder / "metrics.json")
    assert set(found["knn"]) == {"random", "trained"}
    assert found["features"]["embedding_rank"] >= 1


def changed(data: Path, out: Path, change: Any) -> Path:
    store = open_store(data)
    images, items = np.array(store.samples), store.items.copy()
    change(images, items)
    return written(store, out, images, items)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "weights.pt", weights_only=True)
    return found


def same(one: Path, other: Path) -> bool:
    theirs = weights(other)
    return all(torch.equal(value, theirs[name]) for name, value in weights(one).items())


def test_labels_and_images_of_other_splits_change_no_weight(data: Path, tmp_path: Path) -> None:
    def relabel(images: Any, items: Any) -> None:
        items["label"] = items["label"].to_numpy()[::-1]
        items.loc[::3, "label"] = -1

    def blacken(images: Any, items: Any) -> None:
        images[(items["split"] != "train").to_numpy()] = 0

    def blacken_one(images: Any, items: Any) -> None:
        images[0] = 0

    plain = pretrain(data, tmp_path / "plain", spec())
    for name, change, alike in (("labels", relabel, True), ("others", blacken, True), ("train", blacken_one, False)):
        folder = pretrain(changed(data, tmp_path / f"{name} data", change), tmp_path / name, spec())
        assert same(plain, folder) is alike, name


def test_images_without_any_label_or_class_are_enough(data: Path, tmp_path: Path) -> None:
    def unlabel(images: Any, items: Any) -> None:
        items["label"] = -1

    unlabeled = changed(data, tmp_path / "data", unlabel)
    folder = pretrain(unlabeled, tmp_path / "out", spec("vicreg"))
    found = files.read_json(folder / "metrics.json")
    assert found["knn"] == {}
    baselines.run(BaselinesSpec(backbone=None), data=unlabeled, out=tmp_path / "baselines", log=silent)
    assert files.read_json(tmp_path / "baselines/metrics.json")["knn"] == {}
    assert found["features"]["feature_rank"] > 1


@pytest.mark.parametrize("objective", ["byol", "dino"])
def test_an_interrupted_pretraining_resumes_bit_for_bit(
    objective: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(data, tmp_path / "whole", spec(objective))
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: Any, step: int | None = None) -> None:
        if "train/loss" in values and step == 6:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain(data, tmp_path / "cut", spec(objective), log=stop, checkpoints=tmp_path / "checkpoints")
    assert (tmp_path / "checkpoints" / trainer.CHECKPOINT).exists()
    resumed = pretrain(data, tmp_path / "resumed", spec(objective), checkpoints=tmp_path / "checkpoints")
    assert same(whole, resumed)
    for name in ("features.csv", "metrics.json", "neighbors.parquet", "history.csv"):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes(), name


def test_a_collapse_is_reported(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wanted = spec("vicreg", epochs=12)
    options = registry.options("objective", "vicreg")(variance=0, covariance=0)
    folder = pretrain(data, tmp_path / "out", wanted.model_copy(update={"objective": options}))
    reason = files.read_json(folder / "metrics.json")["collapsed"]
    assert reason is not None
    assert f"the pretraining has collapsed: {reason}" in capfd.readouterr().err
    healthy = {"embedding_std": 0.8, "embedding_rank": 20.0}
    assert collapsed(healthy, healthy) is None
    assert "one direction" in str(collapsed(healthy, {"embedding_std": 0.8, "embedding_rank": 1.1}))


def test_rotation_needs_square_images() -> None:
    network = registry.build(registry.options("network", "resnet").model_validate(NETWORKS["resnet"]), (1, 8, 6), 2)
    with pytest.raises(ValueError, match=r"8×6; set data\.size"):
        registry.build(registry.options("objective", "rotation")(), network, (1, 8, 6))
