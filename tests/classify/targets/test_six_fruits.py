"""Six fruits: six sigmoid outputs, trained by the sum of six binary cross-entropies, against one softmax over the six.

Both recognize the one fruit of an image. Only the sigmoids can also say that there are two fruits, or none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.classify.losses.binary import BinaryCrossEntropy
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.data.store import describe_store, open_store
from darkroom.data.target import Target
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.log import silent

FRUITS = ("apple", "banana", "cherry", "grape", "orange", "pear")
ONE, TWO, NONE = range(240), range(240, 360), range(360, 480)
"""Rows of the images with one fruit, two and none."""


def basket() -> NDArray[np.int64]:
    """Return which fruits each image shows, (N, 6)."""
    present = np.zeros((len(ONE) + len(TWO) + len(NONE), 6), np.int64)
    present[ONE, np.array(ONE) % 6] = 1
    for row in TWO:
        present[row, [row % 6, (row + 1 + row // 6 % 5) % 6]] = 1
    return present


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the store of single fruits, whose target is their class, and that of all images, whose target is labels."""
    generator = np.random.default_rng(0)
    looks = generator.integers(0, 256, (6, 8, 8, 3)) * (generator.random((6, 8, 8, 1)) < 0.25)
    present = basket()
    shown = (present[:, :, None, None, None] * looks).max(1) + generator.integers(0, 40, (len(present), 8, 8, 3))
    images = shown.clip(0, 255).astype(np.uint8)
    items = pd.DataFrame({"id": [f"{n}" for n in range(len(present))], "group": range(len(present)), "mask": -1})
    items["split"] = ["test" if n // 6 % 4 == 3 else "train" for n in range(len(present))]
    target = Target("labels", FRUITS)
    root = tmp_path_factory.mktemp("fruits")
    with files.folder(root / "class") as fresh:
        np.save(fresh / "samples.npy", images[ONE])
        one = items.iloc[ONE].assign(label=present[ONE].argmax(1))
        describe_store(fresh, name="fruits", classes=FRUITS, items=one)
    with files.folder(root / "labels") as fresh:
        np.save(fresh / "samples.npy", images)
        columns = dict(zip(target.columns, present.astype(np.float32).T, strict=True))
        describe_store(fresh, name="fruits", classes=(), items=items.assign(label=-1, **columns), target=target)
    return {"class": root / "class", "labels": root / "labels"}


def logits(kind: str, loss: str, stores: dict[str, Path], out: Path) -> Tensor:
    """Train on the store of this kind and return the outputs (N, 6) for all images of the store of labels."""
    training = {"epochs": 10, "batch_size": 16, "optimizer": {"name": "adamw", "lr": 0.003}}
    spec = TrainSpec.model_validate({"network": "mlp", "loss": loss, "training": training, "seed": 0})
    train.run(spec, data=stores[kind], out=out, log=silent)
    about, store = read_about(out), open_store(stores["labels"])
    network = rebuild("network", out, about.shape, len(about.target.names))
    return torch.from_numpy(predict(network, store.samples, np.arange(len(store.samples))))


def test_the_loss_is_the_sum_of_six_binary_cross_entropies_and_its_gradient_is_that_of_six_sigmoids() -> None:
    outputs = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    targets = torch.from_numpy(basket()[[0, 1, 240, 250, 400]]).double()
    loss = BinaryCrossEntropy()(outputs, targets)
    six = [F.binary_cross_entropy(outputs[:, k].sigmoid(), targets[:, k]) for k in range(6)]
    assert torch.allclose(loss, torch.stack(six).sum())
    (gradient,) = torch.autograd.grad(loss, outputs)
    assert torch.allclose(gradient, (outputs.sigmoid() - targets) / 5)
    single = torch.from_numpy(basket()[:5]).double()
    (gradient,) = torch.autograd.grad(CrossEntropy()(outputs, single), outputs)
    assert torch.allclose(gradient, (outputs.softmax(1) - single) / 5)


@pytest.mark.training
def test_six_sigmoids_and_one_softmax_recognize_one_fruit_and_only_sigmoids_see_two_or_none(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    truth, test = torch.from_numpy(basket()), torch.from_numpy(open_store(stores["labels"]).rows("test"))
    softmax = logits("class", "cross_entropy", stores, tmp_path / "softmax")
    one_vs_rest = logits("class", "binary_cross_entropy", stores, tmp_path / "one_vs_rest")
    several = logits("labels", "binary_cross_entropy", stores, tmp_path / "several")
    one, two, none = (torch.tensor([row for row in test.tolist() if row in rows]) for rows in (ONE, TWO, NONE))
    for outputs in (softmax, one_vs_rest, several):
        assert (outputs[one].argmax(1) == truth[one].argmax(1)).float().mean() > 0.95
    assert ((several[two] > 0) == truth[two]).all(1).float().mean() > 0.9
    assert (several[none] < 0).all(1).float().mean() > 0.9
    chances = softmax[two].softmax(1)
    assert not ((chances > 0.5).sum(1) > 1).any()
    assert (softmax[none].softmax(1).sum(1) - 1).abs().max() < 1e-5  # a fruit for certain, where there is none
