"""Training a generator through its stage, on real digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom import files
from darkroom.data.store import open_store
from darkroom.fit.model import rebuild
from darkroom.generate import train
from darkroom.generate.config import TrainSpec
from darkroom.generate.model import LatentModel
from darkroom.log import silent


def train_spec(seed: int = 0, epochs: int = 25) -> TrainSpec:
    training = {"epochs": epochs, "batch_size": 64}
    generator = {"name": "vae", "latent": 8, "width": 8, "beta": 1}
    return TrainSpec.model_validate({"generator": generator, "training": training, "snapshots": 2, "seed": seed})


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generate") / "model"
    train.run(train_spec(), data=digits, out=out, log=silent)
    return out


@pytest.mark.thorough
def test_the_same_spec_and_data_give_the_same_bytes(model: Path, digits: Path, tmp_path: Path) -> None:
    train.run(train_spec(), data=digits, out=tmp_path / "again", log=silent)
    assert files.read_manifest(model) == files.read_manifest(tmp_path / "again")


@pytest.mark.training
def test_training_raises_the_bound_and_reconstructions_resemble(model: Path, digits: Path) -> None:
    history = pd.read_csv(model / "history.csv")
    assert history["val_elbo"].iloc[-1] > history["val_elbo"].iloc[0] + 2
    assert np.allclose(history["train_loss"], history["train_kl"] - history["train_reconstruction"], rtol=1e-3)
    store = open_store(digits)
    network = rebuild("generator", model, store.shape, len(store.classes))
    assert isinstance(network, LatentModel)
    images = torch.from_numpy(store.samples[:200] / np.float32(255)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        labels = torch.from_numpy(store.labels[:200].copy())
        error = (network.reconstruct(images, labels) - images).square().mean()
    assert error < 0.8 * images.var(0).mean()


def test_no_training_images_are_reported(digits: Path, tmp_path: Path) -> None:
    from darkroom.data.store import describe_store

    store = open_store(digits)
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples[:5]))
        describe_store(fresh, name="few", classes=store.classes, items=store.items[:5].assign(split="test"))
    with pytest.raises(ValueError, match=r"few has no training images; lower data\.split"):
        train.run(train_spec(), data=tmp_path / "data", out=tmp_path / "model", log=silent)
    assert not (tmp_path / "model").exists()


def test_validation_images_without_a_label_do_not_stop_a_conditional_model(
    changed: Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path], tmp_path: Path
) -> None:
    def some_unlabeled(items: pd.DataFrame) -> pd.DataFrame:
        return items.assign(label=items["label"].mask((items["split"] == "val") & (items.index % 2 == 0), -1))

    train.run(train_spec(epochs=1), data=changed(some_unlabeled), out=tmp_path / "model", log=silent)
    assert pd.read_csv(tmp_path / "model" / "history.csv")["val_loss"].notna().all()
