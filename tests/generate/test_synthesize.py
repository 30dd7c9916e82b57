"""Copies drawn for rare classes: as many as lack, accepted by the judge, a store that classifiers train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from darkroom import files
from darkroom.augment.config import Synthetic
from darkroom.classify import train as classify
from darkroom.classify.config import TrainSpec as ClassifierSpec
from darkroom.data.store import Store, describe_store, open_store
from darkroom.fit.batches import as_tensor, training_batches
from darkroom.fit.model import About
from darkroom.generate import synthesize
from darkroom.generate.config import SynthesizeSpec
from darkroom.generate.evaluation.spaces import JudgeClassifier
from darkroom.generate.model import GenerativeModel
from darkroom.log import silent

RARE, LEFT = 3, 6


class Nearest(nn.Module):
    """A judge by the nearest class mean, in pixels."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        rows = store.rows("train")
        images = as_tensor(store.samples[rows]).flatten(1)
        self.means = torch.stack([images[torch.from_numpy(store.labels[rows] == k)].mean(0) for k in range(10)])

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return -3 * torch.cdist(images.flatten(1), self.means)


class Shuffled(GenerativeModel):
    """Draws real images of the class from elsewhere, and now and then one of the next class, or mere noise."""

    def __init__(self, store: Store, wrong: float = 0.3) -> None:
        super().__init__()
        self.classes, self.store, self.wrong = 10, store, wrong

    def task(self, training: Any) -> Any:
        raise AssertionError("not trained here")

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        rows = self.store.rows("test")
        asked = torch.where(torch.rand(len(labels), generator=generator) < self.wrong, (labels + 1) % 10, labels)
        places = torch.rand(len(labels), generator=generator)
        pools = [rows[self.store.labels[rows] == k] for k in range(10)]
        chosen = [pools[k][int(at * len(pools[k]))] for k, at in zip(asked.tolist(), places.tolist(), strict=True)]
        return as_tensor(self.store.samples[np.array(chosen)])


@pytest.fixture
def unequal(digits: Path, tmp_path: Path) -> Path:
    """Digits of which one class has few training images."""
    store = open_store(digits)
    train = store.rows("train")
    gone = train[store.labels[train] == RARE][LEFT:]
    keep = np.setdiff1d(np.arange(len(store.samples)), gone)
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", np.asarray(store.samples[keep]))
        items = store.items.iloc[keep].reset_index(drop=True)
        describe_store(fresh, name="few", classes=store.classes, items=items)
    return tmp_path / "data"


@pytest.fixture
def drawn(unequal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the stage with the model and the judge above: `drawn(wrong=..., classes=..., **synthetic)`."""
    store = open_store(unequal)
    judge = JudgeClassifier(Nearest(store), store.classes, "")
    about = About("generator", {"name": "shuffled"}, store.shape, store.classes, "fp32", False, store.target, "softmax")
    monkeypatch.setattr(synthesize, "read_judge", lambda folder: judge)
    monkeypatch.setattr(synthesize, "read_about", lambda folder: about)

    def run(*, wrong: float = 0.3, classes: int = 10, out: str = "copies", **options: Any) -> Path:
        model = Shuffled(store, wrong)
        model.classes = classes
        monkeypatch.setattr(synthesize, "read_generator", lambda *_: model)
        spec = SynthesizeSpec(generator="vae", judge="mlp", synthetic=Synthetic(model="vae", **options))  # type: ignore[arg-type]
        synthesize.run(spec, data=unequal, model=tmp_path, judge=tmp_path, out=tmp_path / out, log=silent)
        return tmp_path / out

    return run


def counts(store: Store) -> np.ndarray:
    return np.bincount(store.labels[store.rows("train")], minlength=10)


def test_classes_come_out_even_and_wrong_samples_are_refused(unequal: Path, drawn: Any) -> None:
    copies, store = open_store(drawn()), open_store(unequal)
    assert (counts(store) + counts(copies) == counts(store).max()).all()
    counted = files.read_json(drawn(out="again") / "synthetic.json")["classes"][store.classes[RARE]]
    assert counted["real"] == LEFT
    assert counted["wanted"] == counted["kept"] == counts(store).max() - LEFT
    assert counted["drawn"] - counted["unsure"] - counted["far"] >= counted["kept"]
    assert counted["unsure"] / counted["drawn"] > 0.25  # of which 0.3 were drawn from another class
    nearest = Nearest(store)(as_tensor(copies.samples)).argmax(1).numpy()
    assert (nearest == copies.labels).mean() == 1


def test_parents_are_training_images_of_the_class_in_turn(unequal: Path, drawn: Any) -> None:
    copies, store = open_store(drawn()), open_store(unequal)
    items = copies.items[copies.items["label"] == RARE]
    train = store.rows("train")
    assert set(items["parent"]) == set(store.items["id"].to_numpy()[train[store.labels[train] == RARE]])
    assert items["parent"].value_counts().agg(np.ptp) <= 1
    assert items["id"].is_unique
    assert set(items["split"]) == {"train"}


def test_the_same_spec_gives_the_same_bytes(drawn: Any) -> None:
    assert files.read_manifest(drawn(out="one")) == files.read_manifest(drawn(out="two"))
    assert files.read_manifest(drawn(out="three", seed=1)) != files.read_manifest(drawn(out="four"))


def test_a_tighter_distance_refuses_more(drawn: Any) -> None:
    far = [
        sum(
            c["far"] for c in files.read_json(drawn(out=f"d{n}", distance=limit) / "synthetic.json")["classes"].values()
        )
        for n, limit in enumerate((0.9, 1.2, 10.0))
    ]
    assert far[0] > far[1] > far[2] == 0


def test_images_ask_for_more_of_every_class(unequal: Path, drawn: Any) -> None:
    most = counts(open_store(unequal)).max() + 5
    copies = open_store(drawn(images=int(most)))
    assert (counts(open_store(unequal)) + counts(copies) == most).all()


def test_classifiers_train_on_them_evenly(unequal: Path, drawn: Any) -> None:
    store, copies = open_store(unequal), open_store(drawn())
    batches = training_batches(store, store.rows("train"), copies, batch_size=64, seed=0, sampling="even")
    labels = np.concatenate([labels.numpy() for _, labels in batches])
    assert np.ptp(np.bincount(labels, minlength=10)) <= 1
    _, rows = batches.draw()
    assert (rows >= len(store.samples)).sum() > 0.8 * (labels == RARE).sum()
    spec = ClassifierSpec(network="mlp", seed=0, training={"epochs": 1})  # type: ignore[arg-type]
    network, _ = classify.train(
        spec, store, store.rows("train"), held_out=np.array([], np.int64), copies=copies, log=silent
    )
    assert network is not None


def test_what_cannot_be_drawn_is_reported(drawn: Any) -> None:
    with pytest.raises(ValueError, match="shuffled is unconditional"):
        drawn(classes=0)
    with pytest.raises(ValueError, match=r"none of .* samples of shuffled was accepted: .*synthetic\.confidence"):
        drawn(wrong=1.0)
    with pytest.raises(ValueError, match=r"every class of few has .* set synthetic\.images to more"):
        drawn(images=5)
