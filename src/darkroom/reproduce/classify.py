"""The job `reproduce classify`: accuracy of classifiers on a test split, over seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom import registry
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, Images, PrepareSpec
from darkroom.data.store import Store, labeled, open_store
from darkroom.fit.model import predict
from darkroom.log import Log, silent
from darkroom.reproduce import contents, hog, results
from darkroom.reproduce.config import ClassifySpec, Trained

BATCH = 256


def run(spec: ClassifySpec, *, out: Path, log: Log) -> None:
    """Write the accuracy on the test items of every model, after the last epoch of its training, and head for each seed."""
    contents.check(spec)
    found: dict[str, list[float]] = {}
    tested = 0
    with tempfile.TemporaryDirectory() as root:
        for seed in spec.seeds:
            store = prepared(spec, Path(root, str(seed)), seed)
            if spec.features is not None:
                store = as_table(store, FEATURES[spec.features])
            rows, test = divided(spec, store)
            tested = len(test)
            for name, network in fitted(spec, store, rows, seed):
                found.setdefault(name, []).append(accuracy(network, store, test))
    results.write(found, out, tested=tested, kind="accuracy", log=log)


def fitted(spec: ClassifySpec, store: Store, rows: NDArray[np.int64], seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield every model and head by name, fitted to these rows."""
    for name, own in trainings(spec, seed).items():
        yield name, train(own, store, rows, held_out=rows[:0], log=silent)[0]
    torch.set_num_threads(1)
    for head in spec.heads:
        labels = torch.from_numpy(store.labels[rows])
        examples = Examples(
            store.samples[rows], labels, torch.ones(len(rows)), torch.zeros(len(rows)), len(store.classes)
        )
        yield head.name, registry.build(head).fit(examples)  # type: ignore[attr-defined]


def prepared(spec: Trained, folder: Path, seed: int) -> Store:
    """Fetch and prepare the data in a folder, with the random part of the split by this seed."""
    fetch.run(FetchSpec(source=spec.source), out=folder / "raw", log=silent)
    images = {name: getattr(spec, name) for name in Images.model_fields}
    images["split"] = spec.split.model_copy(update={"seed": seed})
    prepare.run(PrepareSpec(name="reproduced", **images), raw=folder / "raw", out=folder / "data", log=silent)
    return open_store(folder / "data")


def as_table(store: Store, features: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Store:
    """Return images as rows of a table, of features (N, D)."""
    rows = features(store.samples)
    return replace(store, samples=rows, kind="table", sizes=(0,) * rows.shape[1])


def pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pixels (N, D) of images (N, H, W, C), from 0 to 1."""
    found: NDArray[np.float32] = np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)
    return found


FEATURES = {"pixels": pixels, "hog": hog.features}


def divided(spec: ClassifySpec, store: Store) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on and those to test on."""
    if spec.train is None:
        return labeled(store, "train"), labeled(store, "test")
    rows, count = np.arange(len(store.items)), int(spec.train * len(store.items))
    return rows[:count], rows[count:]


def trainings(spec: Trained, seed: int) -> dict[str, TrainSpec]:
    """Return the spec of each model's training."""
    return {
        name: TrainSpec(seed=seed, **{key: getattr(model, key) for key in type(model).model_fields})
        for name, model in spec.models.items()
    }


def accuracy(network: nn.Module, store: Store, rows: NDArray[np.int64]) -> float:
    """Return the share of these rows that a network classifies correctly."""
    outputs = predict(network, store.samples, rows, batch_size=BATCH)
    return float((outputs.argmax(1) == store.labels[rows]).mean())
